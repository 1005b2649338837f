import Codec
import Engine
import Protobuf
import Raft
import RaftLog
import Runtime

/// What a peer knows of a merge of its region into another one.
struct MergeProgress {
  /// The merge that is prepared, as it was applied; nil: none is. While there is one, the peer serves no reads, takes
  /// no writes and changes nothing else of the region.
  private(set) var prepared: MergeState?
  /// The target's peer on this store waits for this one.
  var request: CatchUpRequest?
  /// A snapshot of another region waits for this peer to make way.
  var release: SourceRelease?
  /// The apply worker has released the peer, for one of these.
  var isStopped = false
  /// When the placement driver was asked whether the region was merged, and when the members were.
  var confirmationAskedAt: Instant?
  var membersAskedAt: Instant?
  /// As leader: who wants the merge rolled back.
  var votes = RollbackVotes()
  /// When the state of the merge is looked at again; without meaning while none is prepared.
  var nextCheck: Instant

  init(prepared: MergeState?, now: Instant) {
    self.prepared = prepared
    nextCheck = now
  }

  mutating func prepare(_ state: MergeState) {
    prepared = state
    votes = RollbackVotes()
  }

  /// The merge has come to nothing.
  mutating func end() {
    prepared = nil
    votes = RollbackVotes()
  }
}

// Merges, as the source: the region ends, and its neighbor takes over its range. The page *Merges* has the steps.
extension Peer {
  /// Whether a merge of the region into another one is prepared.
  var isMerging: Bool { merging.prepared != nil }

  // MARK: Proposing

  /// The first step: `target` is as whoever wants the merge knows it.
  func proposePrepareMerge(
    into target: Region, _ completion: Completion<Result<[Region], RegionError>>
  ) {
    if let error = prepareRefusal(target) { return completion(.failure(error)) }
    let minIndex: UInt64
    switch mergeGap() {
    case .failure(let refusal): return completion(.failure(.other(message: refusal.reason)))
    case .success(let index): minIndex = index
    }
    let command = AdminCommand.prepareMerge(.init(minIndex: minIndex, target: target))
    let data = CommandCodec.encode(header(), command)
    context.metrics.proposals.prepareMerge.increment()
    if let error = propose(.admin(completion), { node throws(RaftError) in try node.propose(data) })
    {
      return completion(.failure(error))
    }
    noteEpochChange(command)
    // From the moment at which it is applied anywhere the target may take over.
    dropLease()
  }

  private func prepareRefusal(_ target: Region) -> RegionError? {
    guard hasAppliedOwnTerm else {
      return .serverIsBusy(
        reason: "the leader has not applied an entry of its term yet", backoffMs: 0)
    }
    let parts = RequestCheck.parts(of: .prepareMerge(.init(minIndex: 0, target: target)))
    guard !splitting.fence.isPending(parts, term: node.term), !node.hasPendingConfChange else {
      return .serverIsBusy(
        reason: "another change of the region's epoch is not applied yet", backoffMs: 0)
    }
    guard let known = context.meta.held(target.id)?.region, known == target else {
      return .other(message: "this store does not know the target of the merge as \(target)")
    }
    do throws(MergePlan.Refusal) {
      _ = try MergePlan.prepared(region, for: target)
      return nil
    } catch {
      return .other(message: error.reason)
    }
  }

  /// The first index that not all members have. Refuses a merge if they lack too much, or something that must not be
  /// missing: the target's log has to carry the rest of this one.
  private func mergeGap() -> Result<UInt64, MergePlan.Refusal> {
    func refused(_ reason: String) -> Result<UInt64, MergePlan.Refusal> {
      .failure(MergePlan.Refusal(reason: "region \(regionID) is not merged now: \(reason)"))
    }
    var matched = node.lastIndex
    var isSnapshotPending = false
    node.forEachProgress { _, progress in
      matched = min(matched, progress.match)
      if progress.state == .snapshot { isSnapshotPending = true }
    }
    if isSnapshotPending { return refused("a member waits for a snapshot") }
    let last = node.lastIndex
    guard matched >= storage.applyState.truncatedIndex, matched > 0,
      last - matched <= context.config.merge.maxLogGap
    else { return refused("a member has the log up to \(matched) only, it ends at \(last)") }
    if matched == last { return .success(last + 1) }
    var bytes: UInt64 = 0
    do throws(LogStorageError) {
      for entry in try storage.entries(from: matched + 1, to: last + 1, maxSize: .max) {
        bytes += entry.encodedSize
        if !entry.isPlainWrite { return refused("a member lacks entry \(entry.index)") }
      }
    } catch {
      // The newest entries may not be with the log writer yet.
      return refused("its log cannot be read: \(error)")
    }
    // The rest is for the command itself.
    guard bytes <= context.config.maxEntrySize / 10 * 9 else {
      return refused("a member lacks \(bytes) bytes of the log")
    }
    return .success(matched + 1)
  }

  // MARK: Prepared

  /// The merge is prepared. The leader applies this before any other member (`Config.broadcastsAppliedOnly`), so
  /// whoever asks it for a read index from here on is refused before anyone can commit the merge.
  func mergePrepared(_ region: Region, _ state: MergeState) {
    storage.region = region
    merging.prepare(state)
    dropLease()
    context.meta.set(region, delegate: delegate)
    context.logger.info(
      "region \(regionID): its merge into \(state.target) is prepared at \(state.commit)")
    if node.isLeader {
      let applied = storage.applyState.appliedIndex
      run { node throws(RaftError) in try node.broadcastAppliedIndex(applied) }
      guard lifecycle == .active else { return }
      sendHeartbeat()
    }
    catchUp()
    checkMerge()
  }

  /// The merge has come to nothing: the region goes on.
  func mergeRolledBack(_ region: Region) {
    storage.region = region
    merging.end()
    context.meta.set(region, delegate: delegate)
    context.metrics.changes.mergesRolledBack.increment()
    context.logger.info("region \(regionID): its merge is rolled back, it is \(region)")
    guard node.isLeader else { return }
    let applied = storage.applyState.appliedIndex
    run { node throws(RaftError) in try node.broadcastAppliedIndex(applied) }
    guard lifecycle == .active else { return }
    sendHeartbeat()
  }

  // MARK: What becomes of it

  /// What this store knows of the target of a merge.
  private enum TargetState {
    /// As it was when the merge was prepared.
    case unchanged
    /// Its peer here has to catch up, or nothing is known of it.
    case behind
    /// The merge cannot be applied to it any more, or has been. `isCertain`: the former.
    case changed(isCertain: Bool)
  }

  /// Has the merge committed, or rolled back if the target has changed. Every member does so: the leaders of source
  /// and target may be on different stores.
  func checkMerge() {
    guard lifecycle == .active, incomingSnapshot == nil, let state = merging.prepared else {
      return
    }
    merging.nextCheck = context.now + context.config.merge.checkInterval
    let target: TargetState
    do throws(StoreError) {
      target = try targetState(state.target)
    } catch {
      return context.logger.warning("region \(regionID): cannot look after its merge: \(error)")
    }
    switch target {
    case .unchanged: proposeCommit(state)
    case .behind: break
    case .changed(let isCertain): wantRollback(state, isCertain: isCertain)
    }
  }

  private func targetState(_ target: Region) throws(StoreError) -> TargetState {
    if let held = context.meta.held(target.id)?.region, held.isInitialized {
      if held.epoch == target.epoch { return .unchanged }
      guard target.epoch.isStale(comparedTo: held.epoch) else { return .behind }
      // If a snapshot has brought the change, it may be that of a target that has merged and moved on.
      let installed = try context.engine.record(
        RegionEpoch.self, KeyLayout.installedEpoch(regionID: target.id),
        "installed epoch of region \(target.id)")
      let isByLog = installed.map { !target.epoch.isStale(comparedTo: $0) } ?? true
      return .changed(isCertain: isByLog)
    }
    guard let known = try context.engine.regionState(target.id), known.state == .tombstone else {
      return .behind
    }
    // A target that is gone from this store may have applied the merge elsewhere. Not if it has ended here by a merge
    // of its own, by the log: every replica of it had this range then.
    let hasEndedByLog = (known.merge?.commit ?? 0) > 0
    return .changed(isCertain: hasEndedByLog && !known.region.range.overlaps(region.range))
  }

  /// The second step, if the target's leader is on this store.
  private func proposeCommit(_ state: MergeState) {
    let entries: [Entry]
    do throws(LogStorageError) {
      entries = try storage.entries(from: state.minIndex, to: state.commit + 1, maxSize: .max)
    } catch {
      return context.logger.warning(
        "region \(regionID): cannot read its log from \(state.minIndex) for its merge: \(error)")
    }
    let logger = context.logger
    let (id, target) = (regionID, state.target.id)
    let abandoned = Result<[Region], RegionError>.failure(.staleCommand)
    context.router.proposeAdmin(
      AdminRequest(
        regionID: target, epoch: state.target.epoch,
        command: .commitMerge(.init(source: region, commit: state.commit, entries: entries)),
        // What becomes of it is seen by the target alone: a refusal may be due to a leader that is about to change.
        completion: Completion(abandoned: abandoned) { result in
          if case .failure(let error) = result {
            logger.debug("region \(id): is not merged into \(target) here: \(error)")
          }
        }))
  }

  // MARK: Rolling back

  private func wantRollback(_ state: MergeState, isCertain: Bool) {
    if node.isLeader {
      merging.votes.add(info.id, isCertain: isCertain)
      return proposeRollback()
    }
    guard region.peer(id: info.id)?.role == .voter, let leader = knownLeader else { return }
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: leader, epoch: region.epoch,
        extra: ExtraMessage(kind: .wantRollbackMerge, index: state.commit, isCertain: isCertain)))
  }

  /// A member has seen the target change.
  func rollbackWanted(by peer: PeerInfo, _ extra: ExtraMessage) {
    guard node.isLeader, merging.prepared?.commit == extra.index, region.peer(id: peer.id) == peer
    else { return }
    merging.votes.add(peer.id, isCertain: extra.isCertain)
    proposeRollback()
  }

  private func proposeRollback() {
    guard let state = merging.prepared, hasAppliedOwnTerm, merging.votes.isDecided(in: region)
    else { return }
    let command = AdminCommand.rollbackMerge(commit: state.commit)
    guard !splitting.fence.isPending(RequestCheck.parts(of: command), term: node.term) else {
      return
    }
    let data = CommandCodec.encode(header(), command)
    if let error = propose(.none, { node throws(RaftError) in try node.propose(data) }) {
      return context.logger.info("region \(regionID): its merge is not rolled back now: \(error)")
    }
    noteEpochChange(command)
  }
}

extension Entry {
  /// Whether it changes data only.
  fileprivate var isPlainWrite: Bool {
    guard type == .normal else { return false }
    if data.isEmpty { return true }
    var search = AdminSearch()
    do throws(CodecError) {
      try CommandCodec.visit(data, &search)
    } catch {
      return false
    }
    return !search.hasAdmin
  }
}

/// Looks for a change of the region.
private struct AdminSearch: CommandVisitor {
  var hasAdmin = false

  mutating func begin(_ header: CommandHeader) -> Bool { true }
  mutating func put(_ cf: DataCF, _ key: RawSpan, _ value: RawSpan) {}
  mutating func delete(_ cf: DataCF, _ key: RawSpan) {}
  mutating func deleteRange(
    _ cf: DataCF, from start: RawSpan, to end: RawSpan, notifyOnly: Bool
  ) {}
  mutating func admin(_ command: AdminCommand) { hasAdmin = true }
}
