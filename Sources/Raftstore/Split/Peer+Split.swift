import Codec
import Raft
import RaftLog
import Runtime

/// What a peer knows of the splits of its region.
struct SplitState {
  var fence = EpochFence()
  /// Regions that the last split has created on this store while this peer followed. Should it become the leader
  /// before it hears of one, they campaign: the leader that applied the split may not have.
  var uncampaigned: [UInt64] = []
  /// When the region is measured (Peer+SplitRequest).
  var trigger: SplitTrigger
  /// Whether the region's reads call for a split (Peer+LoadSplit).
  var load = LoadSplitDetector()
  /// The one split that is being prepared; completed by whoever takes it out.
  var prepared: PreparedSplit?
  /// Splits prepared so far.
  var preparedCount: UInt64 = 0

  init(now: Instant) { trigger = SplitTrigger(next: now) }
}

// Splits: proposed and applied as the parent, begun as the child.
extension Peer {
  /// Whether this peer has proposed a split, or a step of a merge, as leader that it has not applied yet. Until then
  /// its lease is not extended and it proposes no write: keys are about to move from or to other regions.
  var isSplitting: Bool { splitting.fence.isPending(.version, term: node.term) }

  // MARK: Proposing

  func proposeSplit(
    _ split: AdminCommand.BatchSplit, _ completion: Completion<Result<[Region], RegionError>>
  ) {
    let valid = split.withoutInvalidKeys(in: region)
    if let error = splitRefusal(valid) {
      completion(.failure(error))
      return
    }
    let data = CommandCodec.encode(header(), AdminCommand.batchSplit(valid))
    let size = UInt64(data.count)
    guard size <= context.config.maxEntrySize else {
      completion(.failure(.raftEntryTooLarge(regionID: regionID, entrySize: size)))
      return
    }
    // Those that arrived before it are not to wait.
    proposeWrites()
    context.metrics.proposals.split.increment()
    if let error = propose(.admin(completion), { node throws(RaftError) in try node.propose(data) })
    {
      completion(.failure(error))
      return
    }
    noteEpochChange(.batchSplit(valid))
    dropLease()
  }

  private func splitRefusal(_ split: AdminCommand.BatchSplit) -> RegionError? {
    guard hasAppliedOwnTerm else {
      return .serverIsBusy(
        reason: "the leader has not applied an entry of its term yet", backoffMs: 0)
    }
    let parts = RequestCheck.parts(of: .batchSplit(split))
    guard !splitting.fence.isPending(parts, term: node.term), !node.hasPendingConfChange else {
      return .serverIsBusy(
        reason: "another change of the region's epoch is not applied yet", backoffMs: 0)
    }
    if split.splits.isEmpty { return .other(message: "no valid key found for split.") }
    do throws(SplitPlan.Refusal) {
      _ = try SplitPlan(split, of: region)
      return nil
    } catch {
      return .other(message: error.reason)
    }
  }

  /// The command that was proposed last changes the epoch.
  func noteEpochChange(_ command: AdminCommand) {
    splitting.fence.proposed(
      RequestCheck.changes(of: command), index: node.lastIndex, term: node.term)
  }

  // MARK: Applied, as the parent

  /// The records of the split are durable. The region table changes in one step; then the children's peers begin
  /// on the shards that own them.
  func splitApplied(_ split: AppliedSplit) {
    storage.region = split.parent
    // Its locks are divided, too.
    endProofs()
    splitting.load.reset()
    let isLeading = lifecycle == .active && node.isLeader
    var entries = [StoreMeta.RegionEntry(region: split.parent, delegate: delegate)]
    // Otherwise nothing is known of the parts before they are measured.
    let share =
      split.sharesSize ? splitting.trigger.size?.divided(by: split.children.count + 1) : nil
    var created: [SplitChild] = []
    for child in split.children where child.refusal == nil {
      guard let info = child.region.peer(onStore: context.storeID) else {
        preconditionFailure("\(child.region) was claimed by a store that is no member of it")
      }
      let delegate = ReadDelegate(region: child.region, peer: info)
      entries.append(StoreMeta.RegionEntry(region: child.region, delegate: delegate))
      created.append(
        SplitChild(
          region: child.region, info: info, delegate: delegate, isParentLeader: isLeading,
          size: share))
    }
    context.meta.update(entries)
    splitting.trigger.regionChanged(share, at: context.now)
    for child in created { context.router.post(.createChild(child), to: child.region.id) }
    leaveRefused(split)
    context.metrics.changes.splits.increment()
    context.logger.info("region \(regionID): split into \(split.regions)")
    split.complete()
    guard lifecycle == .active else { return }
    if isLeading {
      // The members apply the split when they hear that it is committed; the children wait for their votes.
      let applied = storage.applyState.appliedIndex
      run { node throws(RaftError) in try node.broadcastAppliedIndex(applied) }
      sendHeartbeat()
      context.router.sendToStore(.reportSplit(split.regions))
    } else {
      // Cleared by any message of a leader.
      splitting.uncampaigned += created.map(\.region.id)
    }
  }

  /// The data of children that this store did not take over belongs to no region here.
  private func leaveRefused(_ split: AppliedSplit) {
    for child in split.children {
      guard let refusal = child.refusal else { continue }
      context.logger.warning(
        "region \(regionID): this store does not take over \(child.region): \(refusal)")
      context.metrics.changes.refusedChildren.increment()
      context.regionTasks.append(.destroyRange(regionID: regionID, range: child.region.range))
    }
  }

  /// This peer has become the leader: the former one may not have had the children of the last split campaign.
  func campaignChildren() {
    for id in splitting.uncampaigned { context.router.post(.campaignChild(regionID: id), to: id) }
    splitting.uncampaigned = []
  }

  // MARK: Beginning, as the child

  /// The first of this peer, which a split has created on this store.
  func begin(as child: SplitChild, mayHaveConfirmedLease: Bool) {
    if mayHaveConfirmedLease {
      let config = context.config
      lease = LeaderLease(
        votesAllowedAfter: context.now + (config.maxLeaderLease + config.baseTickInterval))
    }
    splitting.trigger.regionChanged(child.size, at: context.now)
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, log: LogBatch(), durability: .buffered)
    task.log.begin(regionID, after: node.hardState)
    logWrites.hardState = node.hardState
    post(&task)
    registerForApply()
    if node.isSingleton {
      run { node throws(RaftError) in try node.campaign() }
    } else if child.isParentLeader, node.term == BootstrapRegion.term {
      reportCreation()
      campaignAsChild()
    }
  }

  /// Campaigns if no election of the region was seen here.
  func campaignAsChild() {
    guard lifecycle == .active, isInitialized, incomingSnapshot == nil, !node.isLeader,
      node.term == BootstrapRegion.term
    else { return }
    run { node throws(RaftError) in try node.campaign() }
  }

  /// Tells the placement driver of the region before its first election, so that its keys have a region at all
  /// times. All other members count as pending: which of them have applied the split is not known.
  private func reportCreation() {
    let heartbeat = RegionHeartbeat(
      region: region, leader: info, term: node.term,
      pendingPeers: region.peers.filter { $0.id != info.id }, downPeers: [],
      approximateSize: splitting.trigger.reportedBytes,
      approximateKeys: splitting.trigger.size?.keys ?? 0, bytesWritten: 0, keysWritten: 0)
    context.router.sendToStore(.regionHeartbeat(heartbeat))
  }

  // MARK: Replaced by the child

  /// A split has created this region, of which this peer knows nothing: it ends as soon as its vote is in the
  /// log. One that is being destroyed ends anyway.
  func awaitReplacement() {
    guard lifecycle == .active else { return }
    failPending(.regionNotInitialized(regionID: regionID))
    localSteps = []
    lifecycle = isLogWriterQuiet ? .gone : .awaitingReplacement
    if lifecycle == .awaitingReplacement { requestAck() }
  }
}

extension LogBatch {
  /// Begins the log of a region that a split has created. Term and vote stay if they are of a later term.
  mutating func begin(_ region: UInt64, after hardState: HardState) {
    var first = HardState(term: BootstrapRegion.term, commit: BootstrapRegion.index)
    if hardState.term > first.term {
      first.term = hardState.term
      first.vote = hardState.vote
    }
    reset(
      region, index: BootstrapRegion.index, term: BootstrapRegion.term, hardState: first)
  }
}
