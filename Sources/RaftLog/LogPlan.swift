import Protobuf
import Raft
import RocksDB

/// Translates a batch into changes of RocksDB and new indexes of the regions it changes. The index of the store is
/// changed only after the changes are written; a plan that throws is dropped.
struct LogPlan: ~Copyable {
  /// Up to this many entries are deleted one by one, more as a range: a range deletion is one marker, but every
  /// later read of the database checks it.
  private static let pointDeletes: UInt64 = 16
  /// Entry data above this many bytes is passed to RocksDB separately instead of being copied behind its header.
  private static let longData = 4096

  private let family: DBColumnFamily
  private let before: LogTable
  private var scratch: [UInt8] = []
  /// The regions changed so far, ascending by id; nil: destroyed.
  private(set) var after: [(region: UInt64, index: RegionIndex?)] = []
  /// Tombstones written (`left`) or removed, in order; the last of a region counts.
  private(set) var tombstones: [(region: UInt64, left: Bool)] = []
  private(set) var native = DBWriteBatch()

  init(_ family: DBColumnFamily, before: LogTable) {
    self.family = family
    self.before = before
  }

  var isEmpty: Bool { native.count == 0 }

  /// Adds one operation. Throws if it breaks a rule of `LogBatch`.
  mutating func add(_ operation: LogBatch.Operation) throws(LogStoreError) {
    switch operation {
    case .append(let region, let entries): try append(region, entries)
    case .setHardState(let region, let state): try setHardState(region, state)
    case .compact(let region, let index, let term): try compact(region, index, term)
    case .reset(let region, let index, let term, let state):
      try reset(region, index, term, state)
    case .put(let region, let key, let value): try put(region, key, value)
    case .delete(let region, let key):
      guard index(of: region) != nil else { return }
      native.delete(family, LogKeys.owned(region, key))
    case .destroy(let region, let tombstone): destroy(region, tombstone)
    }
  }

  /// Writes the state of every changed region, once, and checks the rules that hold after a batch.
  mutating func finish() throws(LogStoreError) {
    for (region, index) in after {
      guard let index else { continue }
      try index.checkCommit(region)
      if let old = before.regions[region], old.hardState == index.hardState,
        old.last == index.last, !destroyed(region)
      {
        continue
      }
      native.put(
        family, LogKeys.of(region, .state),
        LogState(hardState: index.hardState, last: index.last).encoded())
    }
  }

  /// Adds changes of other column families; returns what `add` does.
  mutating func add(
    _ add: (inout DBWriteBatch) throws(LogStoreError) -> () -> Void
  ) throws(LogStoreError) -> () -> Void {
    try add(&native)
  }

  // MARK: Operations

  private mutating func append(_ region: UInt64, _ entries: [Entry]) throws(LogStoreError) {
    var index = index(of: region) ?? RegionIndex()
    let oldLast = index.last
    let kept = try index.append(region, entries)
    guard !kept.isEmpty else { return }
    for entry in kept { put(region, entry) }
    deleteEntries(region, from: index.last + 1, through: oldLast)
    set(region, index)
  }

  private mutating func setHardState(
    _ region: UInt64, _ state: HardState
  ) throws(LogStoreError) {
    let existing = index(of: region)
    guard existing != nil || !state.isEmpty else { return }
    var index = existing ?? RegionIndex()
    _ = try index.set(region, state)
    set(region, index)
  }

  private mutating func compact(
    _ region: UInt64, _ to: UInt64, _ term: UInt64
  ) throws(LogStoreError) {
    var index = index(of: region) ?? RegionIndex()
    guard try index.compact(region, to: to, term: term) else { return }
    removeCompacted(region, &index)
    putTruncated(region, to, term)
    set(region, index)
  }

  private mutating func reset(
    _ region: UInt64, _ to: UInt64, _ term: UInt64, _ state: HardState
  ) throws(LogStoreError) {
    var index = index(of: region) ?? RegionIndex()
    let (lowest, last) = (index.lowest, index.last)
    try index.reset(region, to: to, term: term, state)
    deleteEntries(region, from: lowest, through: last)
    putTruncated(region, to, term)
    set(region, index)
  }

  private mutating func put(
    _ region: UInt64, _ key: [UInt8], _ value: [UInt8]
  ) throws(LogStoreError) {
    try LogRules.checkKey(region, key)
    native.put(family, LogKeys.owned(region, key), value)
    set(region, index(of: region) ?? RegionIndex())
  }

  private mutating func destroy(_ region: UInt64, _ tombstone: [UInt8]?) {
    let mayHaveKeys = before.damaged[region] != nil || before.unattributedDamage != nil
    if index(of: region) != nil || hasTombstone(region) || mayHaveKeys {
      native.deleteRange(family, LogKeys.region(region), LogKeys.past(region))
    }
    if let tombstone { native.put(family, LogKeys.of(region, .tombstone), tombstone) }
    set(region, nil)
    tombstones.append((region, tombstone != nil))
  }

  /// Deletes entries up to the truncated index, except those that a hold keeps.
  mutating func removeCompacted(_ region: UInt64, _ index: inout RegionIndex) {
    let limit = before.holds.deletable(region, truncatedAt: index.dummy.index)
    guard index.lowest <= limit else { return }
    deleteEntries(region, from: index.lowest, through: limit)
    index.lowest = limit + 1
  }

  // MARK: Bookkeeping

  private func position(of region: UInt64) -> (at: Int, found: Bool) {
    var at = 0
    var end = after.count
    while at < end {
      let middle = (at + end) / 2
      if after[middle].region < region { at = middle + 1 } else { end = middle }
    }
    return (at, at < after.count && after[at].region == region)
  }

  private func index(of region: UInt64) -> RegionIndex? {
    let (at, found) = position(of: region)
    return found ? after[at].index : before.regions[region]
  }

  mutating func set(_ region: UInt64, _ index: RegionIndex?) {
    if index != nil, hasTombstone(region) {
      native.delete(family, LogKeys.of(region, .tombstone))
      tombstones.append((region, false))
    }
    let (at, found) = position(of: region)
    if found {
      after[at].index = index
    } else {
      after.insert((region, index), at: at)
    }
  }

  private func hasTombstone(_ region: UInt64) -> Bool {
    tombstones.last { $0.region == region }?.left ?? before.tombstones.contains(region)
  }

  private func destroyed(_ region: UInt64) -> Bool {
    tombstones.contains { $0.region == region }
  }

  // MARK: Changes

  private mutating func put(_ region: UInt64, _ entry: Entry) {
    let key = LogKeys.entry(region, entry.index)
    // Moved out of `self`, so that `native` can change while its bytes are borrowed.
    var value = scratch
    scratch = []
    value.removeAll(keepingCapacity: true)
    if entry.data.count > Self.longData {
      ProtoWriter.append(entry.protoSize - entry.data.count, to: &value) {
        entry.writeHeader(to: &$0)
      }
      native.put(family, key.span.bytes, value.span.bytes, entry.data.span.bytes)
    } else {
      entry.encode(into: &value)
      native.put(family, key.span.bytes, value.span.bytes)
    }
    scratch = value
  }

  private mutating func putTruncated(_ region: UInt64, _ index: UInt64, _ term: UInt64) {
    native.put(family, LogKeys.of(region, .truncated), LogStart(index: index, term: term).encoded())
  }

  private mutating func deleteEntries(_ region: UInt64, from: UInt64, through: UInt64) {
    guard from <= through else { return }
    if through - from < Self.pointDeletes {
      for index in from...through { native.delete(family, LogKeys.entry(region, index)) }
    } else {
      native.deleteRange(
        family, LogKeys.entry(region, from), LogKeys.entry(region, through) + [0])
    }
  }
}
