/// A snapshot of a memory engine. Of a closed engine it has no contents, and every read throws `closed`.
final class MemorySnapshot: KVSnapshot {
  private let state: MemoryTables?

  init(_ state: MemoryTables?) {
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

  private func opened(_ operation: String) throws(EngineError) -> MemoryTables {
    guard let state else { throw .closed(operation) }
    return state
  }
}
