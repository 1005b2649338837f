import Protobuf
import Raft
import RocksDB

/// Translates a batch into changes of the key space and of the table, which begins as the part for the regions of the
/// batch. A plan that throws is dropped and has changed nothing.
///
/// An append deletes every entry from its first index on, at its own term. The original deletes the keys behind the last
/// entry of the batch: if that batch has several terms, an entry between them survives and wins when the log is read.
struct OrderedKVPlan: ~Copyable {
  /// Up to this many entries are deleted one by one, more as a range.
  private static let pointDeletes: UInt64 = 16

  private let id: UInt64
  private let raftwal: DBColumnFamily
  private let own: DBColumnFamily
  private(set) var table: OrderedKVTable
  private(set) var native = DBWriteBatch()
  /// The regions that were touched; some of them may be missing in `table` now.
  private(set) var touched: Set<UInt64> = []

  init(
    _ id: UInt64, raftwal: DBColumnFamily, own: DBColumnFamily, before: OrderedKVTable
  ) {
    self.id = id
    self.raftwal = raftwal
    self.own = own
    table = before
  }

  var isEmpty: Bool { native.count == 0 }

  /// Adds one operation. Throws if it breaks a rule of `LogBatch`.
  mutating func add(_ operation: LogBatch.Operation) throws(LogStoreError) {
    let region = operation.region
    touched.insert(region)
    switch operation {
    case .append(_, let entries): try append(region, entries)
    case .setHardState(_, let state): try setHardState(region, state)
    case .compact(_, let index, let term): try compact(region, index, term, Snapshot())
    case .reset(_, let index, let term, let state):
      try reset(region, index, term, state, Snapshot())
    case .put(_, let key, let value):
      try LogRules.checkKey(region, key)
      _ = try create(region)
      native.put(own, OrderedKVKeys.owned(region) + key, value)
    case .delete(_, let key):
      guard table.regions[region] != nil else { return }
      native.delete(own, OrderedKVKeys.owned(region) + key)
    case .destroy(_, let tombstone): destroy(region, tombstone)
    }
  }

  /// Checks the rules that hold after a batch.
  func finish() throws(LogStoreError) {
    for region in touched.sorted() { try table.regions[region]?.index.checkCommit(region) }
  }

  /// raftwal's `StoreSnapshot`: stores the snapshot and deletes the entries that it covers; all of them if the log does
  /// not have its last one.
  mutating func store(_ snapshot: Snapshot, _ region: UInt64) throws(LogStoreError) {
    touched.insert(region)
    let (index, term) = (snapshot.metadata.index, snapshot.metadata.term)
    let log = table.regions[region]?.index ?? RegionIndex()
    guard index > log.dummy.index else {
      throw .snapshotOutOfDate(currentIndex: log.dummy.index, currentTerm: log.dummy.term)
    }
    if index <= log.last, try log.term(at: index) == term {
      try compact(region, index, term, snapshot)
    } else {
      try reset(region, index, term, log.hardState, snapshot)
    }
  }

  // MARK: Operations

  private mutating func append(_ region: UInt64, _ entries: [Entry]) throws(LogStoreError) {
    let old = table.regions[region]?.index ?? RegionIndex()
    var index = old
    try index.checkTerms(region, entries)
    let kept = try index.append(region, entries)
    guard let first = kept.first?.index else { return }
    let group = try create(region)
    deleteEntries(group, old.pieces(from: first, through: old.last))
    for entry in kept {
      native.put(
        raftwal, RaftwalKeys.entry(id, group, entry.term, entry.index),
        RaftpbEncoding.bytes(entry))
    }
    table.regions[region]?.index = index
  }

  private mutating func setHardState(
    _ region: UInt64, _ state: HardState
  ) throws(LogStoreError) {
    var index = table.regions[region]?.index ?? RegionIndex()
    guard try index.set(region, state) else { return }
    let group = try create(region)
    putHardState(group, state)
    table.regions[region]?.index = index
  }

  private mutating func compact(
    _ region: UInt64, _ to: UInt64, _ term: UInt64, _ snapshot: Snapshot
  ) throws(LogStoreError) {
    let old = table.regions[region]?.index ?? RegionIndex()
    var index = old
    guard try index.compact(region, to: to, term: term) else { return }
    let group = try create(region)
    try removeCompacted(region, group, old, &index)
    putSnapshot(group, to, term, snapshot)
    table.regions[region]?.index = index
  }

  private mutating func reset(
    _ region: UInt64, _ to: UInt64, _ term: UInt64, _ state: HardState, _ snapshot: Snapshot
  ) throws(LogStoreError) {
    var index = table.regions[region]?.index ?? RegionIndex()
    let hadEntries = index.lowest <= index.last
    try index.reset(region, to: to, term: term, state)
    let group = try create(region)
    if hadEntries { deleteAll(group) }
    putSnapshot(group, to, term, snapshot)
    putHardState(group, index.hardState)
    table.regions[region]?.index = index
  }

  private mutating func destroy(_ region: UInt64, _ tombstone: [UInt8]?) {
    if let old = table.regions.removeValue(forKey: region) {
      deleteAll(old.group)
      native.delete(raftwal, RaftwalKeys.hardState(id, old.group))
      native.delete(raftwal, RaftwalKeys.snapshot(id, old.group))
      native.delete(own, OrderedKVKeys.region(region))
      native.deleteRange(own, OrderedKVKeys.owned(region), OrderedKVKeys.pastOwned(region))
    }
    if let tombstone {
      native.put(own, OrderedKVKeys.tombstone(region), tombstone)
      table.tombstones.insert(region)
    } else if table.tombstones.remove(region) != nil {
      native.delete(own, OrderedKVKeys.tombstone(region))
    }
  }

  // MARK: Changes

  /// Returns the group of the region, which is created if it is missing.
  private mutating func create(_ region: UInt64) throws(LogStoreError) -> UInt32 {
    if let group = table.regions[region]?.group { return group }
    let group: UInt32
    if region < OrderedKVTable.firstIndirect {
      group = UInt32(region)
    } else if let next = table.nextGroup {
      group = next
      table.use(next)
    } else {
      throw .invalidBatch(
        region: region, reason: "no group is left; open the store again to use freed ones")
    }
    var value: [UInt8] = []
    value.appendBigEndian(group)
    native.put(own, OrderedKVKeys.region(region), value)
    if table.tombstones.remove(region) != nil {
      native.delete(own, OrderedKVKeys.tombstone(region))
    }
    table.regions[region] = OrderedKVTable.Region(group: group, index: RegionIndex())
    return group
  }

  private mutating func putHardState(_ group: UInt32, _ state: HardState) {
    if state.isEmpty {
      native.delete(raftwal, RaftwalKeys.hardState(id, group))
    } else {
      native.put(raftwal, RaftwalKeys.hardState(id, group), RaftpbEncoding.bytes(state))
    }
  }

  /// The truncated state is the snapshot record: what `snapshot` has beside the index is of interest to its owner.
  private mutating func putSnapshot(
    _ group: UInt32, _ index: UInt64, _ term: UInt64, _ snapshot: Snapshot
  ) {
    var stored = snapshot
    stored.metadata.index = index
    stored.metadata.term = term
    native.put(raftwal, RaftwalKeys.snapshot(id, group), RaftpbEncoding.bytes(stored))
  }

  private mutating func deleteAll(_ group: UInt32) {
    native.deleteRange(
      raftwal, RaftwalKeys.entry(id, group, 0, 0), RaftwalKeys.pastEntries(id, group))
  }

  private mutating func deleteEntries(
    _ group: UInt32, _ pieces: [(term: UInt64, first: UInt64, last: UInt64)]
  ) {
    for (term, first, last) in pieces {
      if last - first < Self.pointDeletes {
        for index in first...last {
          native.delete(raftwal, RaftwalKeys.entry(id, group, term, index))
        }
      } else {
        native.deleteRange(
          raftwal, RaftwalKeys.entry(id, group, term, first),
          RaftwalKeys.entry(id, group, term, last) + [0])
      }
    }
  }

  /// Deletes the entries up to the truncated index, except those that a hold keeps.
  ///
  /// - Parameter old: the index before the compaction, which knows the terms.
  private mutating func removeCompacted(
    _ region: UInt64, _ group: UInt32, _ old: RegionIndex, _ index: inout RegionIndex
  ) throws(LogStoreError) {
    let limit = table.holds.deletable(region, truncatedAt: index.dummy.index)
    // Below, the terms are not known: `purge` reads the keys.
    guard limit >= index.lowest, limit >= old.dummy.index else { return }
    if index.lowest == old.first {
      deleteEntries(group, old.pieces(from: index.lowest, through: limit))
    } else {
      deleteEntries(group, through: try old.term(at: limit), limit)
    }
    index.lowest = limit + 1
  }

  private mutating func deleteEntries(
    _ group: UInt32, through term: UInt64, _ index: UInt64
  ) {
    native.deleteRange(
      raftwal, RaftwalKeys.entry(id, group, 0, 0),
      RaftwalKeys.entry(id, group, term, index) + [0])
  }

  /// Deletes held entries of a region up to `index`, whose entry has `term`.
  mutating func purge(_ region: UInt64, through index: UInt64, term: UInt64) {
    guard let group = table.regions[region]?.group else { return }
    touched.insert(region)
    deleteEntries(group, through: term, index)
    table.regions[region]?.index.lowest = index + 1
  }
}
