import Protobuf
package import Raft
import RocksDB

/// One group of a raftwal key space.
package struct RaftwalGroup: Sendable {
  /// An index at which the key space does not say which of several terms the log has.
  package struct Doubt: Sendable, Hashable {
    package var index: UInt64
    /// Ascending; raftwal takes the last.
    package var terms: [UInt64]
  }

  package var id: UInt32
  /// Empty if there is none.
  package var snapshot = Snapshot()
  package var hardState = HardState()
  /// Without a gap from the index after the snapshot's. What raftwal restarts with.
  package var entries: [Entry] = []
  package var doubts: [Doubt] = []
}

/// Reads the key space that dgraph's raftwal has written, in the default column family of a RocksDB, without changing it.
///
/// raftwal deletes only what is behind the last entry of a batch, so stale entries stay, and the reader lets a later term
/// override equal and larger indexes. Where a batch had entries of several terms, that takes a stale entry for one of the
/// log. Such an index looks the same as one that was rightly overwritten: it is a `Doubt`.
package struct RaftwalReader: Sendable {
  private let db: DB
  /// The id of the node; 0 if none is stored.
  package let raftID: UInt64

  /// Opens a database, which may be open elsewhere. Throws `locked`, `denied`, `corrupted` or `io`.
  package init(path: String) throws(LogStoreError) {
    db = try OrderedKVLogStore.performing(path) { () throws(RocksDBError) in
      let names = try DB.familyNames(path: path)
      let families = ["default"] + names.filter { $0 != "default" }
      return try DB(
        path: path, options: RocksDBLogStoreOptions().database,
        families: families.map { ($0, RocksDBLogStoreOptions().family) }, readOnly: true)
    }
    let stored = try Self.get(db, RaftwalKeys.raftID)
    guard stored == nil || stored?.count == 8 else {
      throw .corrupted(location: "\(path), key raftid", reason: "a value of \(stored ?? [])")
    }
    raftID = stored.map { UInt64(bigEndian: $0[...]) } ?? 0
  }

  /// The groups of this node that have any record, ascending. Throws `corrupted` for a key that raftwal does not have, and
  /// for one of another node.
  package func groups() throws(LogStoreError) -> [UInt32] {
    var groups: Set<UInt32> = []
    let iterator = db.iterator(db.families[0], fillCache: false)
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      switch RaftwalKeys.parse(key) {
      case .raftID: break
      case .snapshot(raftID, let group), .hardState(raftID, let group),
        .entry(raftID, let group, _, _):
        groups.insert(group)
      case .snapshot(let id, _), .hardState(let id, _), .entry(let id, _, _, _):
        throw .corrupted(
          location: "\(db.path), key \(key)",
          reason: "it belongs to raft id \(id), not to \(raftID)")
      case nil:
        throw .corrupted(
          location: "\(db.path), key \(key)", reason: "raftwal has no such key")
      }
      iterator.next()
    }
    try finish(iterator)
    return groups.sorted()
  }

  /// Everything of one group. Throws `corrupted` if a record cannot be decoded, or if entries are missing: between
  /// others, after the snapshot, or up to the commit index.
  package func group(_ id: UInt32) throws(LogStoreError) -> RaftwalGroup {
    var group = RaftwalGroup(id: id)
    if let snapshot = try record(Snapshot.self, RaftwalKeys.snapshot(raftID, id)) {
      group.snapshot = snapshot
    }
    if let state = try record(HardState.self, RaftwalKeys.hardState(raftID, id)) {
      group.hardState = state
    }
    try readEntries(of: &group)
    let start = group.snapshot.metadata.index
    guard start < .max else { throw broken(id, "the snapshot has no next index") }
    let last = group.entries.last?.index ?? start
    guard group.hardState.commit <= last else {
      throw broken(id, "commit \(group.hardState.commit) is beyond the last index \(last)")
    }
    return group
  }

  /// Copies a group into a log store, as a region that must not have a log there. The snapshot's data and membership are
  /// stored by an `OrderedKVLogStore` only; for others the owner takes them from the result of `group`.
  ///
  /// Throws `corrupted` for a group with doubts.
  ///
  /// - Parameter acceptsDoubts: whether doubtful indexes get the entries that raftwal takes: only if the group has no
  ///   other replica to be copied from. A wrong one makes replicas diverge.
  package func copy(
    _ id: UInt32, to store: some RaftLogStore, region: UInt64, acceptsDoubts: Bool = false
  ) throws(LogStoreError) {
    let group = try group(id)
    if let doubt = group.doubts.first, !acceptsDoubts {
      throw broken(
        id,
        "entry \(doubt.index) has one of the terms \(doubt.terms), and it is not known which; "
          + "replicate the group from another node")
    }
    guard store.lastIndex(region) == 0, store.hardState(region).isEmpty else {
      throw .invalidBatch(region: region, reason: "it has a log already")
    }
    let metadata = group.snapshot.metadata
    var batch = LogBatch()
    if metadata.index > 0 {
      if let ordered = store as? OrderedKVLogStore {
        try ordered.storeSnapshot(region, group.snapshot, .buffered)
      } else {
        // The commit index follows with the entries.
        var state = group.hardState
        state.commit = metadata.index
        batch.reset(region, index: metadata.index, term: metadata.term, hardState: state)
      }
    }
    batch.append(region, group.entries)
    var state = group.hardState
    state.commit = max(state.commit, metadata.index)
    batch.setHardState(region, state)
    for piece in batch.pieces(ofAbout: 16 << 20) { _ = try store.write(piece, .buffered) }
    try store.sync()
  }

  // MARK: Reading

  /// The entries after the snapshot, of which a later term overrides equal and larger indexes.
  private func readEntries(of group: inout RaftwalGroup) throws(LogStoreError) {
    let (start, term) = (group.snapshot.metadata.index, group.snapshot.metadata.term)
    var terms: [UInt64: [UInt64]] = [:]
    let iterator = db.iterator(
      db.families[0], from: RaftwalKeys.entry(raftID, group.id, term, start),
      to: RaftwalKeys.pastEntries(raftID, group.id), fillCache: false)
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      if case .entry(_, _, let term, let index)? = RaftwalKeys.parse(key), index > start {
        let entry = try decode(Entry.self, key, iterator.value)
        guard entry.term == term, entry.index == index, index < .max else {
          throw broken(
            group.id, "key \(key) has entry \(entry.index) of term \(entry.term)")
        }
        while let last = group.entries.last, last.index >= index { group.entries.removeLast() }
        group.entries.append(entry)
        terms[index, default: []].append(term)
      }
      iterator.next()
    }
    try finish(iterator)
    var expected = start + 1
    for (position, entry) in group.entries.enumerated() {
      guard entry.index == expected else {
        throw broken(group.id, "entries from \(expected) to \(entry.index - 1) are missing")
      }
      expected += 1
      // Doubtful where a term begins behind an index with several: both may have come with one batch.
      let next = group.entries.dropFirst(position + 1).first
      if let found = terms[entry.index], found.count > 1, let next, next.term > entry.term {
        group.doubts.append(RaftwalGroup.Doubt(index: entry.index, terms: found))
      }
    }
  }

  private func record<Record: ProtoRecord>(
    _ type: Record.Type, _ key: [UInt8]
  ) throws(LogStoreError) -> Record? {
    guard let value = try Self.get(db, key) else { return nil }
    return try decode(type, key, value)
  }

  private func decode<Record: ProtoRecord>(
    _ type: Record.Type, _ key: [UInt8], _ value: [UInt8]
  ) throws(LogStoreError) -> Record {
    do throws(CodecError) {
      return try Record(decoding: value, strict: true)
    } catch {
      throw .corrupted(location: "\(db.path), key \(key)", reason: "\(error)")
    }
  }

  private static func get(_ db: DB, _ key: [UInt8]) throws(LogStoreError) -> [UInt8]? {
    try OrderedKVLogStore.performing(db.path) { () throws(RocksDBError) in
      try db.get(db.families[0], key)
    }
  }

  private func finish(_ iterator: borrowing DBIterator) throws(LogStoreError) {
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: db.path)
    }
  }

  private func broken(_ group: UInt32, _ reason: String) -> LogStoreError {
    .corrupted(location: "\(db.path), group \(group)", reason: reason)
  }
}
