import Codec
import Raft
import Runtime

// What recurs: raft time, log compaction, reports, the search for a lost leader.
extension Peer {
  /// For how many ticks a campaign has been put off, if `tick` would start it; nil if it would not.
  var campaignDelay: Int? {
    lifecycle == .active && incomingSnapshot == nil ? node.campaignDelay : nil
  }

  /// Whether a campaign is in progress that may still succeed: not for longer than the fixed part of an election timeout.
  var isCampaigning: Bool {
    (node.role == .preCandidate || node.role == .candidate)
      && node.electionElapsed < context.config.electionTicks
  }

  /// - Parameter mayCampaign: false puts off a campaign that is due.
  func tick(mayCampaign: Bool = true) {
    if isFenced { return tickFenced() }
    if lifecycle == .awaitingMerge { return tickStoppedSource() }
    guard lifecycle == .active else { return }
    var hasActed = false
    let isHeld = schedule.hibernation.holdHeartbeats(atMost: context.config.heldHeartbeatTicks)
    if incomingSnapshot == nil && mayCampaign && !isHeld {
      run { node throws(RaftError) in hasActed = try node.tick() }
    } else {
      // It must not campaign for a region it cannot serve yet, or not now, but may vote for others in time; or it leads
      // and waits for members that agree to hibernate.
      node.tickQuiesced()
    }
    guard lifecycle == .active else { return }
    tickReads()
    proposals.tick(isLeader: node.isLeader, limit: 3 * context.config.electionTicks)
    if let ticks = removalBroadcast?.ticks {
      removalBroadcast?.ticks = ticks + 1
      if ticks % Self.removalBroadcastTicks == Self.removalBroadcastTicks - 1 {
        sendRemovalBroadcast()
      }
    } else if node.isLeader {
      renewUsedLease()
      tickSending()
    }
    runDue()
    guard lifecycle == .active else { return }
    considerHibernation(hasSentHeartbeats: hasActed)
    searchLeader()
  }

  /// Whether the round of a batch may do something for a peer that has got nothing but a tick.
  var needsRound: Bool {
    node.isLeader || lifecycle != .active || isMerging || incomingSnapshot != nil
      || !writes.isEmpty || !reads.isEmpty || !proposals.isEmpty || !localSteps.isEmpty
      || node.hasReady
  }

  /// What is due by the clock; at hibernated peers too.
  func runDue() {
    if node.isLeader, !isBroadcastingRemoval {
      if context.now >= compaction.next, !isMerging { compactLog() }
      if context.now >= reporter.next { sendHeartbeat() }
      if context.now >= splitting.trigger.next, !isMerging { checkSplit() }
    }
    if isMerging, context.now >= merging.nextCheck { checkMerge() }
    tickConsistencyCheck()
    tickSuspicion()
    if context.now >= staleness.nextCheck { checkStale() }
  }

  // MARK: A peer no one leads

  /// Looks after a peer that has long had no leader: it may have been removed while no one could tell
  /// it (case f).
  private func checkStale() {
    let config = context.config
    staleness.schedule(context.now + config.stalePeers.checkInterval)
    if node.leaderID != NodeID.none { staleness.leaderChanged(isKnown: true, at: context.now) }
    checkSleep()
    if !hasPromises {
      // Whoever keeps sending to it need not be a leader.
      if context.now - staleness.membershipCheckSentAt >= config.stalePeers.abnormalLeaderMissing {
        checkMembership()
      }
      return
    }
    guard !node.isLeader, let since = unledSince else { return }
    let missing = context.now - since
    guard missing >= config.stalePeers.abnormalLeaderMissing else { return }
    context.logger.warning(
      "region \(regionID): peer \(info.id) has had no leader for \(missing)")
    let question = ExtraMessage(kind: .checkStalePeer)
    for peer in region.peers where peer.id != info.id {
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: peer, epoch: region.epoch, extra: question))
    }
    if missing >= config.stalePeers.maxLeaderMissing,
      context.now - staleness.membershipCheckSentAt >= config.stalePeers.maxLeaderMissing
    {
      checkMembership()
    }
  }

  var unledSince: Instant? {
    staleness.unledSince(knowsLeader: node.leaderID != NodeID.none)
  }

  // MARK: Log compaction

  /// Cuts the log where all members have it, or where waiting for the slowest costs too much.
  private func compactLog() {
    compaction.schedule(after: context.now, context.config)
    guard hasAppliedOwnTerm, let index = compactionIndex(), let term = node.term(at: index)
    else { return }
    compaction.noteProposed()
    let data = CommandCodec.encode(header(), AdminCommand.compactLog(index: index, term: term))
    if let error = propose(.none, { node throws(RaftError) in try node.propose(data) }) {
      context.logger.debug("region \(regionID): log is not compacted now: \(error)")
    }
  }

  /// The space the log takes is wanted: with the next tick it is cut as far as all members have it.
  func compactSoon() {
    compaction.requestSoon(context.now)
  }

  private func compactionIndex() -> UInt64? {
    compaction.lastIndexToCut(logState, context.config)
  }

  private var logState: LogCompactionPolicy.LogState {
    var replicated = node.lastIndex
    node.forEachProgress { _, progress in replicated = min(replicated, progress.match) }
    return LogCompactionPolicy.LogState(
      first: storage.firstIndex(), last: node.lastIndex,
      applied: storage.applyState.appliedIndex, replicated: replicated, bytes: storage.logBytes,
      neededForSnapshots: indexNeededForSnapshots())
  }

  /// Whether the log would be cut if its space were wanted.
  var isCompactionWorthwhile: Bool { LogCompactionPolicy.isWorthwhile(logState) }

  // MARK: Reports

  /// Reports the region to the placement driver.
  func sendHeartbeat() {
    guard node.isLeader, isInitialized else { return }
    let pending = pendingPeers
    let size = splitting.trigger.reportedBytes
    reporter.begin(
      pending: pending, size: size, at: context.now,
      interval: isAsleep
        ? context.config.sleepingHeartbeatInterval : context.config.regionHeartbeatInterval)
    let flow = delegate.readFlow
    let read = reporter.read(flow)
    let heartbeat = RegionHeartbeat(
      region: region, leader: info, term: node.term, pendingPeers: pending,
      downPeers: downPeers, approximateSize: size,
      approximateKeys: splitting.trigger.size?.keys ?? 0,
      bytesWritten: reporter.bytesWritten, keysWritten: reporter.keysWritten,
      bytesRead: read.bytes, keysRead: read.keys)
    if context.router.sendToStore(.regionHeartbeat(heartbeat)) { reporter.sent(read: flow) }
  }

  /// Reports the region if the placement driver knows another size of it: the next regular report of a region that
  /// hibernates is minutes away.
  func reportSizeIfOff() {
    let grain = context.config.split.size / Self.sizeGrains
    if reporter.isSizeOff(splitting.trigger.reportedBytes, grain: grain) { sendHeartbeat() }
  }

  /// Parts of the size of a region: a smaller difference is not worth a report.
  private static let sizeGrains: UInt64 = 256

  /// The placement driver has refused the region's last report.
  func reportRefused() {
    guard lifecycle == .active, node.isLeader else { return }
    reporter.refused(at: context.now, interval: context.config.regionHeartbeatInterval)
  }

  /// Members that lack entries our log no longer holds.
  private var pendingPeers: [PeerInfo] {
    region.peers.filter { peer in
      guard peer.id != info.id, let progress = node.progress(of: peer.id) else { return false }
      return progress.match < storage.applyState.truncatedIndex
    }
  }

  private var downPeers: [DownPeer] {
    region.peers.compactMap { peer in
      if activity.isDamaged(peer.id) {
        return DownPeer(peer: peer, seconds: Self.damagedSeconds)
      }
      guard peer.id != info.id, let silence = activity.totalSilence(of: peer.id, at: context.now),
        silence >= context.config.stalePeers.maxPeerDown
      else { return nil }
      return DownPeer(peer: peer, seconds: UInt64(max(0, silence.inSeconds)))
    }
  }

  /// A member that was reported as pending may have its snapshot by now: the placement driver waits
  /// for that.
  func reportIfCaughtUp(_ id: UInt64) {
    guard reporter.isReportedPending(id), let progress = node.progress(of: id),
      progress.match >= storage.applyState.truncatedIndex
    else { return }
    sendHeartbeat()
  }
}
