/// The whole log of a node: the stable part in storage and the unstable one in memory.
///
/// Invariant: `applied <= applying <= committed`.
struct RaftLog<Storage: LogStorage>: ~Copyable {
  let storage: Storage
  var unstable: Unstable
  var committed: UInt64
  /// Last index handed out for application.
  var applying: UInt64
  /// Last index reported as applied.
  var applied: UInt64
  /// Limit of encoded bytes handed out and not reported yet.
  let maxApplyingSize: UInt64
  var applyingSize: UInt64 = 0
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

  var firstIndex: UInt64 { unstable.firstIndexIfKnown ?? storage.firstIndex() }

  var lastIndex: UInt64 { unstable.lastIndexIfKnown ?? storage.lastIndex() }

  // MARK: Terms

  /// The term at `index`, or why it is not known. Only `.compacted` and `.unavailable` are responses;
  /// other errors are failures of storage.
  func term(at index: UInt64) throws(LogStorageError) -> UInt64 {
    if let term = unstable.termIfKnown(at: index) { return term }
    guard index >= firstIndex - 1 else { throw .compacted }
    guard index <= lastIndex else { throw .unavailable }
    return try storage.term(at: index)
  }

  /// The term at `index`, or nil if the log does not hold it.
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

  func matches(_ id: EntryID) throws(RaftError) -> Bool {
    try termIfHeld(at: id.index) == id.term
  }

  func lastEntryID() throws(RaftError) -> EntryID {
    let index = lastIndex
    guard let term = try termIfHeld(at: index) else {
      throw sink.abort(
        "unexpected error when getting the last term at \(index): \(LogStorageError.unavailable)")
    }
    return EntryID(term: term, index: index)
  }

  /// Whether a log that ends at `their` is at least as good as this one.
  func isUpToDate(_ their: EntryID) throws(RaftError) -> Bool {
    let ours = try lastEntryID()
    return their.term > ours.term || (their.term == ours.term && their.index >= ours.index)
  }

  /// The highest index at or below `index` whose term is at most `term`, with that term; 0 as term
  /// means that the walk met an index the log does not hold.
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

  /// Appends entries that do not touch what is committed.
  mutating func append(_ entries: some Collection<Entry>) throws(RaftError) {
    guard let first = entries.first else { return }
    guard first.index > committed else {
      throw sink.abort("after(\(first.index - 1)) is out of range [committed(\(committed))]")
    }
    unstable.truncateAndAppend(entries)
  }

  /// Index of the first of `entries` that this log does not hold; 0 if it holds all.
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

  /// Appends a leader's entries, which follow `previous` without gap, and takes over its commit
  /// index; returns the index of the last of them, or nil if this log does not hold `previous`.
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

  /// Moves the commit index forward.
  mutating func commit(to index: UInt64) throws(RaftError) {
    guard index > committed else { return }
    guard index <= lastIndex else {
      throw sink.abort(
        "tocommit(\(index)) is out of range [lastIndex(\(lastIndex))]. "
          + "Was the raft log corrupted, truncated, or lost?")
    }
    committed = index
  }

  /// Commits `id` if it is news and held.
  mutating func maybeCommit(_ id: EntryID) throws(RaftError) -> Bool {
    guard id.term != 0, id.index > committed, try matches(id) else { return false }
    try commit(to: id.index)
    return true
  }

  mutating func restore(_ snapshot: Snapshot) {
    sink.info(
      "\(self.summary) starts to restore snapshot [index: \(snapshot.metadata.index), "
        + "term: \(snapshot.metadata.term)]")
    committed = snapshot.metadata.index
    unstable.restore(snapshot)
  }

  var summary: String {
    "log [committed=\(committed), applied=\(applied), applying=\(applying), "
      + "unstable.offset=\(unstable.offset), "
      + "unstable.offsetInProgress=\(unstable.offsetInProgress), "
      + "len(unstable.Entries)=\(unstable.entries.count)]"
  }
}
