import Raft

/// The effective changes of a batch: what it changes in the log, without what has no effect, for instance entries
/// below the truncated index. A plan that throws is dropped and has changed nothing.
struct SegmentPlan {
  /// What the rules of a batch depend on.
  struct Region {
    /// Nil: there is no log.
    var index: RegionIndex?
    var hasTombstone: Bool
    var fence: String?
  }

  /// The regions of the batch as they are before it.
  private let before: [UInt64: Region]
  /// The regions that the batch touches, as they are after its operations so far.
  private(set) var after: [UInt64: Region] = [:]
  private(set) var items: [SegmentItem] = []

  /// - Parameter before: the regions of the batch as they are before it; those that are missing are new.
  init(before: [UInt64: Region]) {
    self.before = before
  }

  private func current(_ region: UInt64) -> Region {
    after[region] ?? before[region] ?? Region(index: nil, hasTombstone: false, fence: nil)
  }

  /// Adds all operations. Throws if one breaks a rule of `LogBatch`.
  mutating func add(_ batch: PreparedBatch) throws(LogStoreError) {
    var appends = batch.appends[...]
    for operation in batch.operations {
      let region = operation.region
      var state = current(region)
      if case .destroy(_, let tombstone) = operation {
        destroy(region, tombstone, state)
        continue
      }
      if let fence = state.fence {
        throw .corrupted(location: "region \(region)", reason: fence)
      }
      let effective: Bool
      switch operation {
      case .append(_, let entries):
        guard let encoded = appends.popFirst() else {
          preconditionFailure("an append without its encoded entries")
        }
        effective = try append(region, entries, encoded, &state)
      case .setHardState(_, let hardState): effective = try set(region, hardState, &state)
      case .compact(_, let index, let term):
        effective = try compact(region, index, term, &state)
      case .reset(_, let index, let term, let hardState):
        effective = try reset(region, index, term, hardState, &state)
      case .put(_, let key, let value):
        try LogRules.checkKey(region, key)
        items.append(.put(region: region, key: key, value: value))
        state.index = state.index ?? RegionIndex()
        effective = true
      case .delete(_, let key):
        effective = state.index != nil
        if effective { items.append(.delete(region: region, key: key)) }
      case .destroy: effective = false
      }
      guard effective else { continue }
      state.hasTombstone = false
      after[region] = state
    }
    try checkCommits()
  }

  /// The rule that holds only after the whole batch.
  private func checkCommits() throws(LogStoreError) {
    for (region, state) in after.sorted(by: { $0.key < $1.key }) {
      guard let index = state.index, index.hardState.commit > index.last else { continue }
      throw .invalidBatch(
        region: region,
        reason: "commit \(index.hardState.commit) is beyond the last index \(index.last)")
    }
  }

  private mutating func destroy(_ region: UInt64, _ tombstone: [UInt8]?, _ state: Region) {
    guard state.index != nil || state.hasTombstone || tombstone != nil else { return }
    items.append(.destroy(region: region, tombstone: tombstone))
    after[region] = Region(index: nil, hasTombstone: tombstone != nil, fence: nil)
  }

  private mutating func append(
    _ region: UInt64, _ entries: [Entry], _ encoded: PreparedBatch.Append, _ state: inout Region
  ) throws(LogStoreError) -> Bool {
    var index = state.index ?? RegionIndex()
    try LogRules.checkRun(region, entries)
    let skipped = entries.prefix { $0.index <= index.dummy.index }.count
    let kept = entries[skipped...]
    guard let first = kept.first?.index else { return false }
    guard first <= index.last + 1 else {
      throw .gap(region: region, expected: index.last + 1, got: first)
    }
    var runs: [EntrySpan.Run] = []
    for entry in kept {
      if runs.last?.term == entry.term {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(EntrySpan.Run(term: entry.term, count: 1))
      }
    }
    var next = first
    for run in runs {
      index.append(index: next, term: run.term)
      index.extend(to: next + (run.count - 1))
      next += run.count
    }
    state.index = index
    let offset = encoded.lengths[..<skipped].reduce(encoded.offset, +)
    items.append(
      .append(
        EntrySpan(
          region: region, first: first, runs: runs, offset: offset,
          lengths: Array(encoded.lengths[skipped...]))))
    return true
  }

  private mutating func set(
    _ region: UInt64, _ hardState: HardState, _ state: inout Region
  ) throws(LogStoreError) -> Bool {
    guard state.index != nil || !hardState.isEmpty else { return false }
    var index = state.index ?? RegionIndex()
    try LogRules.checkStep(region, from: index.hardState, to: hardState)
    guard state.index == nil || index.hardState != hardState else { return false }
    index.hardState = hardState
    state.index = index
    items.append(.hardState(region: region, hardState))
    return true
  }

  private mutating func compact(
    _ region: UInt64, _ to: UInt64, _ term: UInt64, _ state: inout Region
  ) throws(LogStoreError) -> Bool {
    var index = state.index ?? RegionIndex()
    guard to > index.dummy.index else { return false }
    guard to <= index.last else {
      throw .invalidBatch(
        region: region, reason: "compaction to \(to) beyond the last index \(index.last)")
    }
    guard try index.term(at: to) == term else {
      throw .invalidBatch(region: region, reason: "compaction to \(to) with a wrong term \(term)")
    }
    index.compact(to: to, term: term)
    state.index = index
    items.append(.compact(region: region, index: to, term: term))
    return true
  }

  private mutating func reset(
    _ region: UInt64, _ to: UInt64, _ term: UInt64, _ hardState: HardState, _ state: inout Region
  ) throws(LogStoreError) -> Bool {
    let old = state.index ?? RegionIndex()
    guard to < .max else {
      throw .invalidBatch(region: region, reason: "reset to index \(to)")
    }
    guard to > old.dummy.index else {
      throw .snapshotOutOfDate(currentIndex: old.dummy.index, currentTerm: old.dummy.term)
    }
    try LogRules.checkStep(region, from: old.hardState, to: hardState)
    var index = RegionIndex(startingAfter: to, term: term)
    index.hardState = hardState
    index.hardState.commit = max(hardState.commit, to)
    state.index = index
    items.append(.reset(region: region, index: to, term: term, index.hardState))
    return true
  }
}
