package import Raft
package import Runtime
import Synchronization

// raftwal's own functions, by its names. A group is a region.
extension OrderedKVLogStore {
  /// Stores a snapshot and deletes the entries that it covers, in one batch; all entries if the log does not have the
  /// snapshot's last one. An empty snapshot does nothing. Throws `snapshotOutOfDate` unless it is above the stored one.
  @discardableResult
  package func storeSnapshot(
    _ region: UInt64, _ snapshot: Snapshot, _ durability: Durability = .synced
  ) throws(LogStoreError) -> LogReceipt {
    let changes: [UInt64] = snapshot.isEmpty ? [] : [region]
    return try write(changes, durability, bytes: snapshot.data.count + 96) {
      (plan) throws(LogStoreError) in
      if !snapshot.isEmpty { try plan.store(snapshot, region) }
    }
  }

  /// Stores entries, and the hard state unless it is empty, in one batch. Entries replace everything from the index of
  /// their first on; without entries nothing is deleted.
  @discardableResult
  package func store(
    _ region: UInt64, _ state: HardState, _ entries: [Entry],
    _ durability: Durability = .synced
  ) throws(LogStoreError) -> LogReceipt {
    var batch = LogBatch()
    batch.append(region, entries)
    if !state.isEmpty { batch.setHardState(region, state) }
    return try write(batch, durability)
  }

  /// The stored snapshot; empty if there is none. After `LogBatch.compact` or `reset` it has an index and a term only.
  package func snapshot(_ region: UInt64) throws(LogStoreError) -> Snapshot {
    let db = try database()
    guard let group = table.withLock({ $0.regions[region]?.group }) else { return Snapshot() }
    return try Self.scan(db, raftID)
      .record(Snapshot.self, RaftwalKeys.snapshot(raftID, group)) ?? Snapshot()
  }

  /// The entries from an index on whose (term, index) is not below this: with those of a snapshot, the entries after it.
  package func entries(
    _ region: UInt64, fromTerm term: UInt64, fromIndex index: UInt64
  ) throws(LogStoreError) -> [Entry] {
    let (first, last) = (firstIndex(region), lastIndex(region))
    let from = max(first, index)
    guard from <= last else { return [] }
    let found = try entries(region, from: from, to: last + 1, maxBytes: .max)
    return Array(found.drop { ($0.term, $0.index) < (term, index) })
  }
}
