/// The tail of the log that is not known to be in storage, and a snapshot that is not: etcd's `unstable`.
///
/// Entries are appended here, returned by a ready to be stored (in progress), and removed when they are
/// reported as stored (stable).
struct Unstable: ~Copyable {
  /// A snapshot to be stored; nil if there is none. It precedes `entries`.
  var snapshot: Snapshot?
  /// `entries[k]` has index `offset + k`.
  var entries: [Entry] = []
  /// The index of the first entry here, or where one would be appended. Entries below are in storage.
  var offset: UInt64
  /// Whether a ready has returned the snapshot.
  var snapshotInProgress = false
  /// Entries below this index were returned by a ready. At least `offset`, at most one above the last entry.
  var offsetInProgress: UInt64
  let sink: LogSink

  init(offset: UInt64, sink: LogSink) {
    self.offset = offset
    offsetInProgress = offset
    self.sink = sink
  }

  /// The first index of the log if the snapshot determines it, else nil: storage does.
  var firstIndexIfKnown: UInt64? {
    guard let snapshot else { return nil }
    return snapshot.metadata.index + 1
  }

  /// The last index of the log if it is here, else nil: it is in storage.
  @inline(__always)
  var lastIndexIfKnown: UInt64? {
    if !entries.isEmpty { return offset + UInt64(entries.count) - 1 }
    return snapshot?.metadata.index
  }

  /// The term of an entry or of the snapshot here; nil for any other index.
  func termIfKnown(at index: UInt64) -> UInt64? {
    if index < offset {
      guard let snapshot, snapshot.metadata.index == index else { return nil }
      return snapshot.metadata.term
    }
    let position = index - offset
    return position < UInt64(entries.count) ? entries[Int(position)].term : nil
  }

  /// Whether entries are not in progress.
  var hasNextEntries: Bool { offsetInProgress < offset + UInt64(entries.count) }

  /// Entries that are not in progress.
  func nextEntries() -> [Entry] {
    let started = Int(offsetInProgress - offset)
    if started == 0 { return entries }
    guard started < entries.count else { return [] }
    return Array(entries[started...])
  }

  /// The snapshot, unless it is in progress.
  var nextSnapshot: Snapshot? { snapshotInProgress ? nil : snapshot }

  /// Marks everything as in progress: a ready has returned it.
  mutating func acceptInProgress() {
    if !entries.isEmpty { offsetInProgress = offset + UInt64(entries.count) }
    if snapshot != nil { snapshotInProgress = true }
  }

  /// Removes the entries up to `index`, which are in storage. Without effect unless the entry at `index` is
  /// still of `term`: another leader may have replaced it while it was stored, and the replacement is not
  /// in storage.
  mutating func stable(to index: UInt64, term: UInt64) {
    guard let held = termIfKnown(at: index) else {
      sink.routine("entry at index \(index) missing from unstable log; ignoring")
      return
    }
    if index < offset {
      sink.info("entry at index \(index) matched unstable snapshot; ignoring")
      return
    }
    if held != term {
      sink.info(
        "entry at (index,term)=(\(index),\(term)) mismatched with entry at "
          + "(\(index),\(held)) in unstable log; ignoring")
      return
    }
    entries.removeFirst(Int(index + 1 - offset))
    offset = index + 1
    offsetInProgress = max(offsetInProgress, offset)
  }

  /// Removes the snapshot at `index`, which is in storage. Without effect if another one has replaced it.
  mutating func stableSnapshot(to index: UInt64) {
    guard let snapshot, snapshot.metadata.index == index else { return }
    self.snapshot = nil
    snapshotInProgress = false
  }

  /// Replaces everything by a snapshot.
  mutating func restore(_ snapshot: Snapshot) {
    offset = snapshot.metadata.index + 1
    offsetInProgress = offset
    entries = []
    self.snapshot = snapshot
    snapshotInProgress = false
  }

  /// Frees the memory of entries that are stable.
  mutating func releaseBuffer() {
    if entries.isEmpty { entries = [] }
  }

  /// Appends entries and drops what they replace. Replaced entries that were in progress are returned again.
  /// Traps on a gap.
  mutating func truncateAndAppend(_ fresh: some Collection<Entry>) {
    guard let first = fresh.first?.index else { return }
    let end = offset + UInt64(entries.count)
    if first == end {
      entries.append(contentsOf: fresh)
    } else if first <= offset {
      sink.info("replace the unstable entries from index \(first)")
      entries = Array(fresh)
      offset = first
      offsetInProgress = first
    } else {
      sink.info("truncate the unstable entries before index \(first)")
      precondition(first < end, "gap in the unstable log")
      entries.removeLast(Int(end - first))
      entries.append(contentsOf: fresh)
      offsetInProgress = min(offsetInProgress, first)
    }
  }

  /// Entries `lo..<hi`. Traps if they are not all here.
  func slice(from lo: UInt64, to hi: UInt64) -> ArraySlice<Entry> {
    precondition(
      offset <= lo && lo <= hi && hi <= offset + UInt64(entries.count),
      "unstable slice out of bound")
    return entries[Int(lo - offset)..<Int(hi - offset)]
  }
}
