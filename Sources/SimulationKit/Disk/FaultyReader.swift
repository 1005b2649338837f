import Engine
import Runtime

/// Reads of an engine, or of a snapshot of it, on a disk that has faults.
final class FaultyReader: KVSnapshot {
  private let base: any KVReader
  private let disk: DiskAccess

  init(_ base: any KVReader, _ disk: DiskAccess) {
    self.base = base
    self.disk = disk
  }

  private func perform<R>(
    _ name: String, _ body: () throws(EngineError) -> R
  ) throws(EngineError) -> R {
    try disk.perform(.read, { FaultyEngine.error($0, name) }, body)
  }

  private func check(
    _ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]?
  ) throws(EngineError) {
    guard disk.damage.injects(family, key, value) else { return }
    disk.foundDamage("\(family) of the engine")
    throw EngineError(
      .corruption, operation: "get", message: "Corruption: block checksum mismatch: simulated")
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    let value = try perform("get") { () throws(EngineError) in try base.get(family, key) }
    try check(family, key, value)
    return value
  }

  func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    let values = try perform("get") { () throws(EngineError) in
      try base.multiGet(family, keys)
    }
    for (key, value) in zip(keys, values) { try check(family, key, value) }
    return values
  }

  /// Damage is found when the cursor is made, if it lies within: cursors are made to be run through.
  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    let cursor = try perform("iterate") { () throws(EngineError) in
      try base.cursor(family, from: lower, to: upper, fillCache: fillCache)
    }
    if let pair = disk.damage.pair, pair.family == family,
      lower.map({ !pair.key.lexicographicallyPrecedes($0) }) ?? true,
      upper.map({ pair.key.lexicographicallyPrecedes($0) }) ?? true
    {
      try check(family, pair.key, try base.get(family, pair.key))
    }
    return cursor
  }
}
