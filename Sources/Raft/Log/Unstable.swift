/// The tail of the log that storage does not hold yet, and a snapshot it has not taken over yet.
///
/// `entries[k]` has index `offset + k`. Invariant: `offset <= offsetInProgress`; entries below
/// `offsetInProgress` are on their way to storage.
struct Unstable: ~Copyable {
  var snapshot: Snapshot?
  var entries: [Entry] = []
  var offset: UInt64
  var snapshotInProgress = false
  var offsetInProgress: UInt64
  let sink: LogSink

  init(offset: UInt64, sink: LogSink) {
    self.offset = offset
    offsetInProgress = offset
    self.sink = sink
  }

  var firstIndexIfKnown: UInt64? {
    guard let snapshot else { return nil }
    return snapshot.metadata.index + 1
  }

  @inline(__always)
  var lastIndexIfKnown: UInt64? {
    if !entries.isEmpty { return offset + UInt64(entries.count) - 1 }
    return snapshot?.metadata.index
  }

  func termIfKnown(at index: UInt64) -> UInt64? {
    if index < offset {
      guard let snapshot, snapshot.metadata.index == index else { return nil }
      return snapshot.metadata.term
    }
    let place = index - offset
    return place < UInt64(entries.count) ? entries[Int(place)].term : nil
  }

  var hasNextEntries: Bool { offsetInProgress < offset + UInt64(entries.count) }

  /// Entries that are not on their way to storage yet.
  func nextEntries() -> [Entry] {
    let started = Int(offsetInProgress - offset)
    if started == 0 { return entries }
    guard started < entries.count else { return [] }
    return Array(entries[started...])
  }

  /// The snapshot, unless it is on its way to storage already.
  var nextSnapshot: Snapshot? { snapshotInProgress ? nil : snapshot }

  mutating func acceptInProgress() {
    if !entries.isEmpty { offsetInProgress = offset + UInt64(entries.count) }
    if snapshot != nil { snapshotInProgress = true }
  }

  /// Storage holds the log up to `index`, if the entry there is still the one of `term`.
  mutating func stable(to index: UInt64, term: UInt64) {
    guard let held = termIfKnown(at: index) else {
      sink.info("entry at index \(index) missing from unstable log; ignoring")
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

  mutating func stableSnapshot(to index: UInt64) {
    guard let snapshot, snapshot.metadata.index == index else { return }
    self.snapshot = nil
    snapshotInProgress = false
  }

  mutating func restore(_ snapshot: Snapshot) {
    offset = snapshot.metadata.index + 1
    offsetInProgress = offset
    entries = []
    self.snapshot = snapshot
    snapshotInProgress = false
  }

  /// Appends `fresh`, which is not empty, and drops what it overlaps. No gap is allowed.
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

  /// Entries `lo..<hi`; both within the unstable part.
  func slice(from lo: UInt64, to hi: UInt64) -> ArraySlice<Entry> {
    precondition(
      offset <= lo && lo <= hi && hi <= offset + UInt64(entries.count),
      "unstable slice out of bound")
    return entries[Int(lo - offset)..<Int(hi - offset)]
  }
}
