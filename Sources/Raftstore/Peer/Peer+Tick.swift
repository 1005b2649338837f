import Codec
import Raft
import Runtime

// What recurs: raft time, log compaction, reports, the search for a lost leader.
extension Peer {
  func tick() {
    guard life == .active else { return }
    if incoming == nil {
      run { node throws(RaftError) in try node.tick() }
    } else {
      // It must not campaign for a region it cannot serve yet, but may vote for others in time.
      node.tickQuiesced()
    }
    guard life == .active else { return }
    tickReads()
    tickLeaderless()
    if let ticks = removalBroadcast?.ticks {
      removalBroadcast?.ticks = ticks + 1
      if ticks % Self.removalBroadcastTicks == Self.removalBroadcastTicks - 1 {
        sendRemovalBroadcast()
      }
    } else if node.isLeader {
      renewUsedLease()
      if context.now >= nextCompaction { compactLog() }
      if context.now >= nextHeartbeat { sendHeartbeat() }
    }
    if context.now >= nextStaleCheck { checkStale() }
  }

  /// Requesters of entries that a former leader proposed learn what became of them when others take
  /// their place. If nothing comes for long, they are notified that no one knows.
  private func tickLeaderless() {
    guard !node.isLeader, !proposals.isEmpty else {
      leaderlessTicks = 0
      return
    }
    leaderlessTicks += 1
    if leaderlessTicks >= 3 * context.config.electionTicks {
      leaderlessTicks = 0
      proposals.failAll(.staleCommand)
    }
  }

  // MARK: A peer no one leads

  /// Looks after a peer that has long had no leader: it may have been removed while no one could tell
  /// it (case f).
  private func checkStale() {
    let config = context.config
    nextStaleCheck = context.now + config.staleCheckInterval
    if node.leaderID != NodeID.none { leaderlessSince = nil }
    guard !node.isLeader, let since = unledSince else { return }
    let missing = context.now - since
    guard missing >= config.abnormalLeaderMissing else { return }
    context.logger.warning(
      "region \(regionID): peer \(info.id) has had no leader for \(missing)")
    let question = ExtraMessage(kind: .checkStalePeer)
    for peer in region.peers where peer.id != info.id {
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: peer, epoch: region.epoch, extra: question))
    }
    if missing >= config.maxLeaderMissing,
      context.now - membershipCheckSentAt >= config.maxLeaderMissing
    {
      membershipCheckSentAt = context.now
      var known = region
      if !isInitialized { known.epoch = remoteEpoch }
      context.router.sendToStore(.checkMembership(region: known, peerID: info.id))
    }
  }

  /// Since when nothing speaks for a leader. A learner, or a peer that never learnt its region, does not
  /// campaign and so believes in its last leader for ever: only that one's silence tells.
  private var unledSince: Instant? {
    node.leaderID == NodeID.none ? leaderlessSince : leaderContactAt
  }

  /// The placement driver's response on whether this peer is still a member.
  func membershipChecked(isMember: Bool) {
    guard life == .active, !isMember, !node.isLeader, let since = unledSince,
      context.now - since >= context.config.abnormalLeaderMissing
    else { return }
    destroy("it is unknown to the placement driver")
  }

  // MARK: Log compaction

  /// Cuts the log where all members have it, or where waiting for the slowest costs too much.
  private func compactLog() {
    nextCompaction = context.now + context.config.logCompactionInterval
    guard hasAppliedOwnTerm, let index = compactionIndex(), let term = node.term(at: index)
    else { return }
    skippedCompactions = 0
    let data = CommandCodec.encode(header(), AdminCommand.compactLog(index: index, term: term))
    if let error = propose(.none, { node throws(RaftError) in try node.propose(data) }) {
      context.logger.debug("region \(regionID): log is not compacted now: \(error)")
    }
  }

  /// The space the log takes is wanted: with the next tick it is cut as far as all members have it.
  func compactSoon() {
    skippedCompactions = Self.maxSkippedCompactions
    nextCompaction = context.now
  }

  private func compactionIndex() -> UInt64? {
    let config = context.config
    let first = storage.firstIndex()
    let last = node.lastIndex
    let applied = storage.applyState.appliedIndex
    var replicated = last
    node.forEachProgress { _, progress in replicated = min(replicated, progress.match) }
    var index: UInt64
    if applied > first && applied - first >= config.logCompactionCount
      || storage.logBytes >= config.logCompactionBytes
    {
      index = max(first + (last - first) / 2, replicated)
    } else if replicated < first || last - first < 3 {
      return nil
    } else if replicated - first < config.logCompactionThreshold
      && skippedCompactions < Self.maxSkippedCompactions
    {
      skippedCompactions += 1
      return nil
    } else {
      index = replicated
    }
    index = min(index, applied)
    guard index > first else { return nil }
    return index - 1
  }

  /// Ticks after which even a few entries are worth a compaction.
  private static let maxSkippedCompactions = 6

  // MARK: Reports

  /// Reports the region to the placement driver.
  func sendHeartbeat() {
    guard node.isLeader, isInitialized else { return }
    nextHeartbeat = context.now + context.config.regionHeartbeatInterval
    let pending = pendingPeers
    reportedPending = pending.map(\.id)
    let heartbeat = RegionHeartbeat(
      region: region, leader: info, term: node.term, pendingPeers: pending,
      downPeers: downPeers, approximateSize: 0, approximateKeys: 0, bytesWritten: bytesWritten,
      keysWritten: keysWritten)
    if context.router.sendToStore(.regionHeartbeat(heartbeat)) {
      bytesWritten = 0
      keysWritten = 0
    }
  }

  /// Members that lack entries our log no longer holds.
  private var pendingPeers: [PeerInfo] {
    region.peers.filter { peer in
      guard peer.id != info.id, let progress = node.progress(of: peer.id) else { return false }
      return progress.match < storage.applyState.truncatedIndex
    }
  }

  private var downPeers: [(peer: PeerInfo, seconds: UInt64)] {
    region.peers.compactMap { peer in
      guard peer.id != info.id, let heard = lastContact[peer.id] else { return nil }
      let silence = context.now - heard
      guard silence >= context.config.maxPeerDown else { return nil }
      return (peer, UInt64(max(0, silence.inSeconds)))
    }
  }

  /// A member that was reported as pending may have its snapshot by now: the placement driver waits
  /// for that.
  func reportIfCaughtUp(_ id: UInt64) {
    guard reportedPending.contains(id), let progress = node.progress(of: id),
      progress.match >= storage.applyState.truncatedIndex
    else { return }
    sendHeartbeat()
  }
}
