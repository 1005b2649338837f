package import Raft
package import Runtime

// The functions of dgraph's `DiskStorage`.
extension DiskStorage {
  /// One above the truncated index; the index of the first entry in a storage of the original format without a snapshot.
  package var firstIndex: UInt64 { present.index.first }
  /// The last index; that of the snapshot if there is no entry.
  package var lastIndex: UInt64 { present.index.last }
  /// Term, vote and commit index.
  package var hardState: HardState { present.meta.hardState }
  /// The snapshot; empty if there is none.
  package var snapshot: Snapshot { present.meta.snapshot }
  /// Entries between the first and the last index.
  package var numberOfEntries: UInt64 { present.index.last - present.index.dummy.index }
  /// Files with entries, but for the one that is written to.
  package var numberOfLogFiles: Int {
    Swift.max(1, Set(present.locations.map(\.file)).count) - 1
  }

  /// Throws `compacted` below the truncated index and `unavailable` above the last.
  package func term(at index: UInt64) throws(LogStoreError) -> UInt64 {
    try present.index.term(at: index)
  }

  /// The hard state, and the membership of the snapshot.
  package func initialState() -> (HardState, ConfState) {
    let meta = present.meta
    return (meta.hardState, meta.snapshot.metadata.confState)
  }

  /// Stores entries, then the hard state unless it is empty, then the snapshot unless it is empty: in the strict format
  /// all or nothing. Entries replace everything from the index of their first on. A snapshot is one from a leader: it
  /// replaces the log, entries too, unless the log has its last entry.
  ///
  /// Throws `gap`, `invalidBatch` or `snapshotOutOfDate` without effect.
  package func save(
    _ state: HardState, _ entries: [Entry], _ snapshot: Snapshot = Snapshot(),
    _ durability: Durability = .buffered
  ) throws(LogStoreError) {
    var change = self.change()
    let group = change.meta.groupID
    try change.add(.append(region: group, entries))
    if !snapshot.isEmpty {
      let metadata = snapshot.metadata
      if metadata.index > change.index.dummy.index,
        change.index.hasTerm(metadata.term, at: metadata.index)
      {
        try change.add(.compact(region: group, index: metadata.index, term: metadata.term))
      } else {
        try change.add(
          .reset(
            region: group, index: metadata.index, term: metadata.term, change.index.hardState))
      }
      change.meta.snapshot = snapshot
    }
    if !state.isEmpty { try change.add(.setHardState(region: group, state)) }
    try change.finish(group)
    guard change.isEffective else { return }
    try commit(change, durability)
  }

  /// Makes a snapshot of the state at `index`, which must be in the log, and truncates the log there. Throws
  /// `snapshotOutOfDate` unless it is above the present one.
  package func createSnapshot(
    at index: UInt64, _ confState: ConfState, data: [UInt8]
  ) throws(LogStoreError) {
    var change = self.change()
    let dummy = change.index.dummy
    guard index > dummy.index else {
      throw .snapshotOutOfDate(currentIndex: dummy.index, currentTerm: dummy.term)
    }
    let term = try change.index.term(at: index)
    try change.add(.compact(region: change.meta.groupID, index: index, term: term))
    change.meta.snapshot = Snapshot(
      data: data,
      metadata: SnapshotMetadata(confState: confState, index: index, term: term))
    try change.finish(change.meta.groupID)
    try commit(change, .buffered)
  }

  /// The index below which the owner need not replay entries: `uint(.checkpointIndex)`.
  package var checkpoint: UInt64 { uint(.checkpointIndex) }

  /// One of the numbers of the owner.
  package func uint(_ field: Field) -> UInt64 {
    let meta = present.meta
    return switch field {
    case .raftID: meta.raftID
    case .groupID: meta.groupID
    case .checkpointIndex: meta.checkpoint
    }
  }

  /// Sets one of the numbers of the owner.
  package func setUint(_ field: Field, _ value: UInt64) throws(LogStoreError) {
    var change = self.change()
    switch field {
    case .raftID: change.meta.raftID = value
    case .groupID: change.meta.groupID = value
    case .checkpointIndex: change.meta.checkpoint = value
    }
    try commit(change, .buffered)
  }
}
