import Raft

// The rules of `LogBatch` for one log, as changes of its index. A function that throws has changed nothing.
extension RegionIndex {
  /// Appends entries and returns those that are written: all but those at or below the truncated index.
  mutating func append(
    _ region: UInt64, _ entries: [Entry]
  ) throws(LogStoreError) -> ArraySlice<Entry> {
    try LogRules.checkRun(region, entries)
    let kept = entries.drop { $0.index <= dummy.index }
    guard let first = kept.first?.index else { return kept }
    guard first <= last + 1 else { throw .gap(region: region, expected: last + 1, got: first) }
    for entry in kept { append(index: entry.index, term: entry.term) }
    return kept
  }

  /// Throws unless the terms of appended entries continue those of the log without a decrease. For formats that depend on
  /// it; raft appends nothing else.
  func checkTerms(_ region: UInt64, _ entries: [Entry]) throws(LogStoreError) {
    guard let first = entries.first(where: { $0.index > dummy.index }) else { return }
    let before = knownTerm(at: first.index - 1)
    guard first.term >= before else {
      throw .invalidBatch(
        region: region,
        reason: "term decreases from \(before) to \(first.term) at index \(first.index)")
    }
  }

  /// Sets term, vote and commit index. False if they are the same.
  mutating func set(_ region: UInt64, _ state: HardState) throws(LogStoreError) -> Bool {
    try LogRules.checkStep(region, from: hardState, to: state)
    guard state != hardState else { return false }
    hardState = state
    return true
  }

  /// Truncates the log up to an index. False if it is so already.
  mutating func compact(
    _ region: UInt64, to index: UInt64, term: UInt64
  ) throws(LogStoreError) -> Bool {
    guard index > dummy.index else { return false }
    guard index <= last else {
      throw .invalidBatch(
        region: region, reason: "compaction to \(index) beyond the last index \(last)")
    }
    guard try self.term(at: index) == term else {
      throw .invalidBatch(
        region: region, reason: "compaction to \(index) with a wrong term \(term)")
    }
    compact(to: index, term: term)
    return true
  }

  /// Replaces the log by a snapshot.
  mutating func reset(
    _ region: UInt64, to index: UInt64, term: UInt64, _ state: HardState
  ) throws(LogStoreError) {
    guard index < .max else {
      throw .invalidBatch(region: region, reason: "reset to index \(index)")
    }
    guard index > dummy.index else {
      throw .snapshotOutOfDate(currentIndex: dummy.index, currentTerm: dummy.term)
    }
    try LogRules.checkStep(region, from: hardState, to: state)
    self = RegionIndex(startingAfter: index, term: term)
    hardState = state
    hardState.commit = max(state.commit, index)
  }

  /// The rule that holds after a batch: the commit index is at most the last index.
  func checkCommit(_ region: UInt64) throws(LogStoreError) {
    guard hardState.commit <= last else {
      throw .invalidBatch(
        region: region, reason: "commit \(hardState.commit) is beyond the last index \(last)")
    }
  }

  /// The entries from `from` to `through` in pieces of one term, ascending. Those at or below the truncated index are
  /// left out: their terms are not known.
  func pieces(
    from: UInt64, through: UInt64
  ) -> [(term: UInt64, first: UInt64, last: UInt64)] {
    let through = min(through, last)
    return runs.enumerated().compactMap { position, run in
      let end = position + 1 < runs.count ? runs[position + 1].first - 1 : last
      let (low, high) = (max(run.first, from), min(end, through))
      return low <= high ? (run.term, low, high) : nil
    }
  }

  /// Throws unless `RaftLogStore.entries` may read this range.
  func checkRange(from: UInt64, to: UInt64) throws(LogStoreError) {
    guard from >= first else { throw .compacted(first: first) }
    guard from <= last + 1, to <= last + 1 else { throw .unavailable(last: last) }
  }
}
