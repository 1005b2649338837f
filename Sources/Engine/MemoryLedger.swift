/// The state of a memory engine: its contents, what of them survives a crash, and what is to go
/// wrong.
struct MemoryLedger: Sendable {
  var current: MemoryState
  /// What a crash would leave, before the changes below.
  var durable: MemoryState
  var unsynced: [MemoryChange] = []
  var closed = false
  /// How many more of each go well before one fails; none fails while nil.
  var healthyWrites: Int?
  var healthySyncs: Int?
  /// As with RocksDB, a failed write or barrier is the last one.
  var failure: EngineError?
  var writes: UInt64 = 0
  var barriers: UInt64 = 0

  init(_ state: MemoryState) {
    current = state
    durable = state
  }

  mutating func record(_ change: MemoryChange) {
    current.apply(change)
    unsynced.append(change)
  }

  mutating func write(_ batch: WriteBatch) throws(EngineError) {
    try spend(\.healthyWrites, "write")
    writes += 1
    record(.batch(batch))
  }

  mutating func barrier() throws(EngineError) {
    try spend(\.healthySyncs, "sync")
    barriers += 1
    durable = current
    unsynced.removeAll()
  }

  /// Takes one from the healthy ones left, or fails permanently.
  private mutating func spend(
    _ counter: WritableKeyPath<Self, Int?>, _ operation: String
  ) throws(EngineError) {
    guard let left = self[keyPath: counter] else { return }
    guard left == 0 else {
      self[keyPath: counter] = left - 1
      return
    }
    let error = EngineError(.io, operation: operation, message: "IO error: injected")
    failure = error
    throw error
  }

  /// What a crash leaves when of the lost writes the first `kept` survive.
  func remains(keeping kept: Int) -> MemoryState {
    var state = durable
    var batches = 0
    for change in unsynced {
      if change.isDurableAtOnce {
        state.apply(change)
      } else {
        if batches < kept { state.apply(change) }
        batches += 1
      }
    }
    return state
  }
}
