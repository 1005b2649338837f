/// The state of a memory engine: its contents, what a crash leaves of them, and injected failures.
struct MemoryEngineState: Sendable {
  var current: MemoryTables
  /// The contents that survive a crash, without `unsynced`.
  var durable: MemoryTables
  /// The changes since the last barrier, in order.
  var unsynced: [MemoryChange] = []
  var closed = false
  /// How many more of each succeed before one fails; nil: all.
  var writesBeforeFailure: Int?
  var syncsBeforeFailure: Int?
  /// The error of the first failed write or barrier. As with RocksDB, every later one throws it.
  var failure: EngineError?
  var writes: UInt64 = 0
  var barriers: UInt64 = 0

  init(_ state: MemoryTables) {
    current = state
    durable = state
  }

  mutating func record(_ change: MemoryChange) {
    current.apply(change)
    unsynced.append(change)
  }

  mutating func write(_ batch: WriteBatch) throws(EngineError) {
    try countDown(\.writesBeforeFailure, "write")
    writes += 1
    record(.batch(batch))
  }

  mutating func barrier() throws(EngineError) {
    try countDown(\.syncsBeforeFailure, "sync")
    barriers += 1
    durable = current
    unsynced.removeAll()
  }

  /// Counts one operation, or makes it fail and with it all later ones.
  private mutating func countDown(
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

  /// The contents after a crash that loses all but the first `kept` unsynced writes.
  func tablesAfterCrash(keeping kept: Int) -> MemoryTables {
    var state = durable
    var batches = 0
    for change in unsynced {
      if change.isDurableImmediately {
        state.apply(change)
      } else {
        if batches < kept { state.apply(change) }
        batches += 1
      }
    }
    return state
  }
}
