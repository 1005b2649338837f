import Engine
import Runtime

/// Reads of an engine, or of a snapshot of it, on a disk that has faults.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class FaultyReader: KVSnapshot, @unchecked Sendable {
  private let base: any KVReader
  private let faults: DiskFaults
  private let process: SimulatedProcess

  init(_ base: any KVReader, _ faults: DiskFaults, _ process: SimulatedProcess) {
    self.base = base
    self.faults = faults
    self.process = process
  }

  private func perform<R>(
    _ name: String, _ body: () throws(EngineError) -> R
  ) throws(EngineError) -> R {
    try faults.perform(.read, in: process, { FaultyEngine.error($0, name) }, body)
  }

  private func check(
    _ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]?
  ) throws(EngineError) {
    guard faults.damage.injects(family, key, value) else { return }
    faults.foundDamage("\(family) of the engine")
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
    if let pair = faults.damage.pair, pair.family == family,
      lower.map({ !pair.key.lexicographicallyPrecedes($0) }) ?? true,
      upper.map({ pair.key.lexicographicallyPrecedes($0) }) ?? true
    {
      try check(family, pair.key, try base.get(family, pair.key))
    }
    return cursor
  }
}
