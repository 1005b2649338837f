/// A memory engine's state at one moment; nil of an engine that was closed.
final class MemorySnapshot: KVSnapshot {
  private let state: MemoryState?

  init(_ state: MemoryState?) {
    self.state = state
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try opened("get")[family][key]
  }

  func multiGet(_ family: ColumnFamily, _ keys: [[UInt8]]) throws(EngineError) -> [[UInt8]?] {
    let table = try opened("get")[family]
    return keys.map { table[$0] }
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    MemoryCursor(try opened("iterate")[family], from: lower, to: upper)
  }

  private func opened(_ operation: String) throws(EngineError) -> MemoryState {
    guard let state else { throw .closed(operation) }
    return state
  }
}
