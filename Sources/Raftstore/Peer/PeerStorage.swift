import Codec
import Raft
import RaftLog

/// One region's log as the raft core reads it: the log store with the newest entries in memory, cut off
/// where the apply state says.
///
/// It knows what was passed to the log writer, written or not: the core keeps what is not yet
/// durable itself and asks for nothing else.
final class PeerStorage: LogStorage {
  /// A snapshot of this region that is to be sent to a follower.
  enum SnapshotState {
    case idle
    /// The core asked for one; the peer has not asked the receivers yet.
    case requested
    /// The receivers are asked whether they can take one.
    case checking
    /// Since entries up to `index` were applied.
    case generating(SnapshotCancellation, index: UInt64)
    case available(Snapshot)
  }

  let regionID: UInt64
  private let logs: any RaftLogStore
  /// As last applied, or installed.
  var region: Region
  var applyState: ApplyState
  var appliedTerm: UInt64
  private(set) var cache: EntryCache
  /// The end of the log once the log writer has done all it was given.
  private(set) var lastLogIndex: UInt64
  private var lastTerm: UInt64
  private(set) var snapshotState = SnapshotState.idle
  private(set) var snapshotFailures = 0
  /// What the peer knows of those who need one (Peer+Sending).
  var sending = SnapshotSendingState()
  /// About the bytes of entries between the log's start and its end.
  private(set) var logBytes: UInt64

  /// - Throws: when log and apply state contradict each other.
  init(
    region: Region, applyState: ApplyState, logs: any RaftLogStore, cacheBytes: Int,
    unappliedCacheBytes: Int
  ) throws(StoreError) {
    regionID = region.id
    self.region = region
    self.applyState = applyState
    self.logs = logs
    cache = EntryCache(limit: cacheBytes, unappliedLimit: unappliedCacheBytes)
    logBytes = logs.openedBytes(region.id)
    let last = max(logs.lastIndex(region.id), applyState.truncatedIndex)
    lastLogIndex = last
    guard last >= applyState.appliedIndex else {
      throw .corrupted(
        record: "raft log of region \(region.id)",
        reason: "it ends at \(last), but entries up to \(applyState.appliedIndex) are applied")
    }
    guard logs.truncated(region.id).index <= applyState.truncatedIndex else {
      throw .corrupted(
        record: "raft log of region \(region.id)",
        reason: "it starts after \(logs.truncated(region.id).index), "
          + "but is needed from \(applyState.truncatedIndex) on")
    }
    do throws(LogStoreError) {
      lastTerm = try Self.term(at: last, applyState, logs, region.id)
      appliedTerm = try Self.term(at: applyState.appliedIndex, applyState, logs, region.id)
    } catch {
      throw .logs(error)
    }
  }

  private static func term(
    at index: UInt64, _ state: ApplyState, _ logs: any RaftLogStore, _ region: UInt64
  ) throws(LogStoreError) -> UInt64 {
    if index == state.truncatedIndex { return state.truncatedTerm }
    return try logs.term(region, at: index)
  }

  // MARK: What the core reads

  func initialState() throws(LogStorageError) -> (HardState, ConfState) {
    var state = logs.hardState(regionID)
    // The commit index is not written for its own sake; what is applied was committed.
    state.commit = max(state.commit, applyState.appliedIndex)
    state.commit = min(state.commit, lastLogIndex)
    if state.term < lastTerm { state = HardState(term: lastTerm, commit: state.commit) }
    return (state, region.confState)
  }

  func entries(
    from lo: UInt64, to hi: UInt64, maxSize: UInt64
  ) throws(LogStorageError) -> [Entry] {
    guard lo > applyState.truncatedIndex else { throw .compacted }
    guard lo <= hi, hi <= lastLogIndex + 1 else { throw .unavailable }
    let cached = cache.firstIndex ?? .max
    if lo >= cached { return cache.slice(from: lo, to: hi, maxSize: maxSize) }
    let middle = min(hi, cached)
    var found: [Entry]
    do throws(LogStoreError) {
      found = try logs.entries(regionID, from: lo, to: middle, maxBytes: maxSize)
    } catch {
      switch error {
      case .compacted: throw .compacted
      case .unavailable: throw .unavailable
      case .corrupted: throw .damaged("raft log of region \(regionID): \(error)")
      default: throw .failed("raft log of region \(regionID): \(error)")
      }
    }
    guard UInt64(found.count) == middle - lo, middle < hi else { return found }
    let used = EntryLimits.encodedSize(of: found)
    guard used < maxSize else { return found }
    let rest = cache.slice(from: middle, to: hi, maxSize: maxSize - used)
    // The cache gives at least one entry; it may be the one that does not fit any more.
    if rest.count == 1, rest[0].encodedSize > maxSize - used { return found }
    found += rest
    return found
  }

  func term(at index: UInt64) throws(LogStorageError) -> UInt64 {
    if index == applyState.truncatedIndex { return applyState.truncatedTerm }
    guard index > applyState.truncatedIndex else { throw .compacted }
    guard index <= lastLogIndex else { throw .unavailable }
    if index == lastLogIndex { return lastTerm }
    if let term = cache.term(at: index) { return term }
    do throws(LogStoreError) {
      return try logs.term(regionID, at: index)
    } catch {
      if case .corrupted = error { throw .damaged("raft log of region \(regionID): \(error)") }
      throw .failed("raft log of region \(regionID): \(error)")
    }
  }

  func firstIndex() -> UInt64 { applyState.truncatedIndex + 1 }

  func lastIndex() -> UInt64 { lastLogIndex }

  func snapshot() throws(LogStorageError) -> Snapshot {
    if case .available(let snapshot) = snapshotState {
      snapshotState = .idle
      if isUsable(snapshot) { return snapshot }
    }
    if case .idle = snapshotState { snapshotState = .requested }
    throw .snapshotTemporarilyUnavailable
  }

  /// Whether a follower that takes the snapshot can go on with our log.
  private func isUsable(_ snapshot: Snapshot) -> Bool {
    guard snapshot.metadata.index >= applyState.truncatedIndex else { return false }
    return snapshot.metadata.confState.isEquivalent(to: region.confState)
  }

  // MARK: What the peer tells

  /// Entries were passed to the log writer.
  func noteAppended(_ entries: [Entry]) {
    guard let first = entries.first, let last = entries.last else { return }
    if first.index <= lastLogIndex {
      // A tail is replaced: nothing better is known than that it shrinks in proportion.
      shrinkLogBytes(keeping: first.index - firstIndex(), of: lastLogIndex + 1 - firstIndex())
    }
    cache.append(entries, applied: applyState.appliedIndex)
    lastLogIndex = last.index
    lastTerm = last.term
    for entry in entries { logBytes += UInt64(entry.data.count) + 32 }
  }

  /// A snapshot takes the log's place.
  func noteSnapshot(index: UInt64, term: UInt64) {
    cache.removeAll()
    lastLogIndex = index
    lastTerm = term
    appliedTerm = term
    logBytes = 0
    applyState = ApplyState(
      appliedIndex: index, truncatedIndex: index, truncatedTerm: term, commitIndex: index,
      commitTerm: term)
    cancelSnapshot()
  }

  /// The log was cut by applying a compaction.
  func noteApplied(_ state: ApplyState, term: UInt64) {
    if state.truncatedIndex > applyState.truncatedIndex {
      shrinkLogBytes(
        keeping: lastLogIndex - state.truncatedIndex,
        of: lastLogIndex - applyState.truncatedIndex)
      cache.compact(to: state.truncatedIndex)
    }
    applyState = state
    appliedTerm = term
    cache.trim(applied: state.appliedIndex)
  }

  /// Entries up to `index` are applied here and known by all who are heard of.
  func releaseCache(to index: UInt64) {
    cache.compact(to: min(index, applyState.appliedIndex))
  }

  /// The region hibernates: what it keeps in memory for its next entries is freed.
  func releaseBuffers() {
    releaseCache(to: applyState.appliedIndex)
    cache.releaseBuffer()
  }

  private func shrinkLogBytes(keeping kept: UInt64, of all: UInt64) {
    guard all > 0 else { return }
    logBytes = UInt64(Double(logBytes) * Double(kept) / Double(all))
  }

  // MARK: Snapshots for followers

  /// Whether the core asked for a snapshot since the last call.
  func takeSnapshotRequest() -> Bool {
    guard case .requested = snapshotState else { return false }
    snapshotState = .checking
    return true
  }

  /// A receiver can take a snapshot: the one that was asked for is to be generated. Nil if none is waited for.
  func beginGenerating() -> SnapshotCancellation? {
    guard case .checking = snapshotState else { return nil }
    let cancellation = SnapshotCancellation()
    snapshotState = .generating(cancellation, index: applyState.appliedIndex)
    return cancellation
  }

  /// No follower needs a snapshot any more, or this peer is not to send one.
  func cancelSnapshot() {
    if case .generating(let cancellation, _) = snapshotState { cancellation.cancel() }
    snapshotState = .idle
  }

  /// The index from which on the log is needed by whoever gets the snapshot that is being made; nil without one.
  var snapshotIndex: UInt64? {
    switch snapshotState {
    case .idle, .requested, .checking: nil
    case .generating(_, let index): index
    case .available(let snapshot): snapshot.metadata.index
    }
  }

  /// The region worker is done; an unusable result is dropped and recreated when asked for.
  func finishSnapshot(_ result: Result<Snapshot, SnapshotError>) {
    switch result {
    case .success(let snapshot):
      snapshotFailures = 0
      snapshotState = isUsable(snapshot) ? .available(snapshot) : .idle
    case .failure:
      snapshotFailures += 1
      snapshotState = .idle
    }
  }
}
