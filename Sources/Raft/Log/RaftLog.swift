/// The log of a node: the stable part in storage, followed by the unstable part in memory.
///
/// Invariants: `applied <= applying <= committed <= lastIndex`. None of the first three decreases. Entries up
/// to `committed` are never replaced.
struct RaftLog<Storage: LogStorage>: ~Copyable {
  let storage: Storage
  var unstable: Unstable
  /// The last index known to be on the stable storage of a quorum.
  var committed: UInt64
  /// The last index returned for application.
  var applying: UInt64
  /// The last index reported as applied.
  var applied: UInt64
  /// Limit of `applyingSize`.
  let maxApplyingSize: UInt64
  /// Encoded bytes of the entries returned for application and not reported as applied.
  var applyingSize: UInt64 = 0
  /// Whether no entries are returned until some are reported as applied: the limit is reached, or the next
  /// entry would exceed it.
  var applyingPaused = false
  let sink: LogSink

  init(storage: Storage, maxApplyingSize: UInt64, sink: LogSink) {
    self.storage = storage
    self.maxApplyingSize = maxApplyingSize
    self.sink = sink
    unstable = Unstable(offset: storage.lastIndex() + 1, sink: sink)
    let start = storage.firstIndex() - 1
    committed = start
    applying = start
    applied = start
  }

  /// One above the last compacted index, which may not be above `lastIndex`.
  var firstIndex: UInt64 { unstable.firstIndexIfKnown ?? storage.firstIndex() }

  /// The last index, durable or not.
  var lastIndex: UInt64 { unstable.lastIndexIfKnown ?? storage.lastIndex() }

  // MARK: Terms

  /// The term at `index`, that of the last compacted entry included. Throws `.compacted` or `.unavailable`
  /// for an index outside the log; any other error is a failure of storage.
  func term(at index: UInt64) throws(LogStorageError) -> UInt64 {
    if let term = unstable.termIfKnown(at: index) { return term }
    guard index >= firstIndex - 1 else { throw .compacted }
    guard index <= lastIndex else { throw .unavailable }
    return try storage.term(at: index)
  }

  /// The term at `index`; nil if the log does not hold it.
  func termIfHeld(at index: UInt64) throws(RaftError) -> UInt64? {
    do {
      return try term(at: index)
    } catch {
      switch error {
      case .compacted, .unavailable: return nil
      default: throw .storage(error)
      }
    }
  }

  /// Whether the log holds that entry. Then it equals the log of every leader that holds it, up to there
  /// (Log Matching Property).
  func matches(_ id: EntryID) throws(RaftError) -> Bool {
    try termIfHeld(at: id.index) == id.term
  }

  /// Term and index of the last entry, or of the snapshot if the log is empty.
  func lastEntryID() throws(RaftError) -> EntryID {
    let index = lastIndex
    guard let term = try termIfHeld(at: index) else {
      throw sink.abort(
        "unexpected error when getting the last term at \(index): \(LogStorageError.unavailable)")
    }
    return EntryID(term: term, index: index)
  }

  /// Whether a log that ends at `their` is at least as up to date as this one: its last term is higher, or
  /// equal and its last index not lower (dissertation, section 3.6.1).
  func isUpToDate(_ their: EntryID) throws(RaftError) -> Bool {
    let ours = try lastEntryID()
    return their.term > ours.term || (their.term == ours.term && their.index >= ours.index)
  }

  /// The highest index at or below `index` whose term is at most `term`, with its term. The term is 0 if the
  /// search reached an index that the log does not hold. Below the result no entry conflicts with a log whose
  /// entry at `index` is of `term`.
  func findConflict(byTerm term: UInt64, from index: UInt64) throws(RaftError) -> EntryID {
    var at = index
    while at > 0 {
      guard let ours = try termIfHeld(at: at) else { return EntryID(term: 0, index: at) }
      if ours <= term { return EntryID(term: ours, index: at) }
      at -= 1
    }
    return EntryID(term: 0, index: 0)
  }

  // MARK: Appending and committing

  /// Appends entries and drops what they replace. Aborts if that would replace a committed entry.
  mutating func append(_ entries: some Collection<Entry>) throws(RaftError) {
    guard let first = entries.first else { return }
    guard first.index > committed else {
      throw sink.abort("after(\(first.index - 1)) is out of range [committed(\(committed))]")
    }
    unstable.truncateAndAppend(entries)
  }

  /// The index of the first of `entries` that this log does not hold; 0 if it holds all.
  func findConflict(_ entries: [Entry]) throws(RaftError) -> UInt64 {
    for entry in entries {
      let id = EntryID(term: entry.term, index: entry.index)
      if try matches(id) { continue }
      if entry.index <= lastIndex {
        let existing = try termIfHeld(at: entry.index) ?? 0
        sink.info(
          "found conflict at index \(entry.index) [existing term: \(existing), "
            + "conflicting term: \(entry.term)]")
      }
      return entry.index
    }
    return 0
  }

  /// Appends the entries of a leader, which follow `previous` without a gap, and advances the commit index to
  /// the leader's. Returns the index of the last of them; nil if this log does not hold `previous`.
  ///
  /// Entries that the log already holds are skipped: an old message must not truncate newer entries.
  mutating func maybeAppend(
    after previous: EntryID, _ entries: [Entry], leaderCommit: UInt64
  ) throws(RaftError) -> UInt64? {
    guard try matches(previous) else { return nil }
    let lastNew = previous.index + UInt64(entries.count)
    let conflict = try findConflict(entries)
    if conflict != 0 {
      guard conflict > committed else {
        throw sink.abort(
          "entry \(conflict) conflict with committed entry [committed(\(committed))]")
      }
      let skipped = Int(conflict - previous.index - 1)
      try append(entries[skipped...])
    }
    try commit(to: min(leaderCommit, lastNew))
    return lastNew
  }

  /// Advances the commit index; a lower index has no effect.
  mutating func commit(to index: UInt64) throws(RaftError) {
    guard index > committed else { return }
    guard index <= lastIndex else {
      throw sink.abort(
        "tocommit(\(index)) is out of range [lastIndex(\(lastIndex))]. "
          + "Was the raft log corrupted, truncated, or lost?")
    }
    committed = index
  }

  /// Commits up to `id` if the log holds it and it is above the commit index. True if it did.
  mutating func maybeCommit(_ id: EntryID) throws(RaftError) -> Bool {
    guard id.term != 0, id.index > committed, try matches(id) else { return false }
    try commit(to: id.index)
    return true
  }

  /// Replaces the log by a snapshot, which is committed.
  mutating func restore(_ snapshot: Snapshot) {
    sink.info(
      "\(self.summary) starts to restore snapshot [index: \(snapshot.metadata.index), "
        + "term: \(snapshot.metadata.term)]")
    committed = snapshot.metadata.index
    unstable.restore(snapshot)
  }

  /// The state of the log, in etcd's format.
  var summary: String {
    "log [committed=\(committed), applied=\(applied), applying=\(applying), "
      + "unstable.offset=\(unstable.offset), "
      + "unstable.offsetInProgress=\(unstable.offsetInProgress), "
      + "len(unstable.Entries)=\(unstable.entries.count)]"
  }
}
