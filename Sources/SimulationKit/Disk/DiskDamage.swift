package import Engine
package import RaftLog

/// Stored bytes that are not what was written. Reading them fails, as with the block checksums of a real
/// store; what is written in their place is not damaged.
package struct DiskDamage: Sendable {
  /// An entry of a raft log. One that is compacted away or replaced is no longer damaged.
  package struct LoggedEntry: Sendable, Hashable {
    package var region: UInt64
    package var index: UInt64
    package var term: UInt64

    package init(region: UInt64, index: UInt64, term: UInt64) {
      self.region = region
      self.index = index
      self.term = term
    }
  }

  /// A pair of the engine. With another value it lies elsewhere.
  package struct StoredPair: Sendable, Hashable {
    package var family: ColumnFamily
    package var key: [UInt8]
    package var value: [UInt8]

    package init(family: ColumnFamily, key: [UInt8], value: [UInt8]) {
      self.family = family
      self.key = key
      self.value = value
    }
  }

  package var entry: LoggedEntry?
  package var pair: StoredPair?
  /// A read has come upon it.
  package var isFound = false

  package init() {}

  package var isEmpty: Bool { entry == nil && pair == nil }

  // MARK: Choosing

  /// One of the entries of a log store's logs; nil when there is none.
  package static func ofLog(
    _ logs: any RaftLogStore, _ randomValue: UInt64, _ otherRandomValue: UInt64
  ) throws(LogStoreError) -> DiskDamage? {
    let regions = logs.regions().filter { logs.firstIndex($0) <= logs.lastIndex($0) }
    guard !regions.isEmpty else { return nil }
    let region = regions[Int(randomValue % UInt64(regions.count))]
    let first = logs.firstIndex(region)
    let index = first + otherRandomValue % (logs.lastIndex(region) - first + 1)
    var damage = DiskDamage()
    damage.entry = LoggedEntry(
      region: region, index: index, term: try logs.term(region, at: index))
    return damage
  }

  /// One of the pairs of an engine's data; nil when there is none.
  package static func ofData(
    _ engine: any KVEngine, _ randomValue: UInt64
  ) throws(EngineError) -> DiskDamage? {
    let pairs = try engine.scan(.default)
    guard !pairs.isEmpty else { return nil }
    let pair = pairs[Int(randomValue % UInt64(pairs.count))]
    var damage = DiskDamage()
    damage.pair = StoredPair(family: .default, key: pair.key, value: pair.value)
    return damage
  }

  // MARK: Striking

  /// Whether it is where it was still.
  func isThere(_ engine: any KVEngine, _ logs: any RaftLogStore) throws -> Bool {
    guard !isEmpty else { return false }
    return try isThere(in: engine) && isThere(in: logs)
  }

  /// Whether the entry is still where it was, among those of `[from, to)`.
  func injects(
    _ region: UInt64, _ from: UInt64, _ to: UInt64, in logs: any RaftLogStore
  ) throws(LogStoreError) -> Bool {
    guard let entry, entry.region == region, (from..<to).contains(entry.index),
      logs.firstIndex(region) <= entry.index, entry.index <= logs.lastIndex(region)
    else { return false }
    return try logs.term(region, at: entry.index) == entry.term
  }

  /// Whether what is damaged of the engine, if anything is, is where it was.
  func isThere(in engine: any KVEngine) throws(EngineError) -> Bool {
    guard let pair else { return true }
    return try engine.get(pair.family, pair.key) == pair.value
  }

  /// Whether what is damaged of a log, if anything is, is where it was.
  func isThere(in logs: any RaftLogStore) throws(LogStoreError) -> Bool {
    guard let entry else { return true }
    return try injects(entry.region, entry.index, entry.index + 1, in: logs)
  }

  func injects(_ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]?) -> Bool {
    guard let pair, pair.family == family, pair.key == key else { return false }
    return pair.value == value
  }
}
