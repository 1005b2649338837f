import RocksDB

/// A snapshot of a RocksDB engine. Of a closed engine it has no handle, and every read throws `closed`.
final class RocksSnapshot: KVSnapshot {
  private let opened: (handle: RocksHandle, snapshot: DBSnapshot)?

  init(_ handle: RocksHandle?) {
    opened = handle.map { ($0, $0.db.snapshot()) }
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    guard let opened else { throw .closed("get") }
    return try opened.handle.get(family, key, at: opened.snapshot)
  }

  func multiGet(_ family: ColumnFamily, _ keys: [[UInt8]]) throws(EngineError) -> [[UInt8]?] {
    guard let opened else { throw .closed("get") }
    return try opened.handle.multiGet(family, keys, at: opened.snapshot)
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    guard let opened else { throw .closed("iterate") }
    return opened.handle.cursor(
      family, from: lower, to: upper, fillCache: fillCache, at: opened.snapshot)
  }
}
