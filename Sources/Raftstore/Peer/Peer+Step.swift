import Codec
import Raft

// Messages from other stores: the checks in front of the raft core. The cases they must get right are in the
// page *Peers*, section *Stale peers*.
extension Peer {
  func step(_ envelope: RaftEnvelope) {
    if isFenced { return stepFenced(envelope) }
    guard lifecycle == .active else { return }
    // Nor does a store send to itself: a response would come back here, and might take the peer for
    // another one's.
    guard envelope.to.storeID == context.storeID, envelope.from.storeID != context.storeID else {
      context.metrics.dropped.wrongStore.increment()
      return
    }
    if envelope.isTombstone {
      handleTombstone(envelope)
      return
    }
    guard shouldAccept(envelope) else {
      context.metrics.dropped.stale.increment()
      return
    }
    activity.recordSender(envelope.from, region)
    if !isInitialized { activity.recordRemoteEpoch(envelope.epoch) }
    if let extra = envelope.extra { handleExtra(extra, from: envelope) }
    if recovery != nil { requestData(after: envelope) }
    guard let message = envelope.message else { return }
    wake(for: message)
    guard shouldStep(message) else { return }
    if let problem = impossibleCompaction(in: message) { return context.refused(envelope, problem) }
    if let snapshot = message.snapshot {
      guard admitSnapshot(snapshot, to: envelope.to) else { return }
    }
    let error: RaftError?
    if message.type == .readIndex, node.isLeader, !isBroadcastingRemoval {
      error = takeReadIndex(message)
    } else {
      error = run { node throws(RaftError) in try node.step(message) }
    }
    if message.snapshot != nil { resolveSnapshot() }
    if let error, error.isCausedByMessage { return context.refused(envelope, "\(error)") }
    if node.isLeader, region.peer(id: envelope.from.id) != nil {
      activity.recordContact(envelope.from.id, context.now)
    }
    if envelope.from.id == node.leaderID {
      staleness.heardFromLeader(context.now)
      leaderSpoke()
      splitting.uncampaigned = []
    }
    if node.isLeader, message.type == .appendResponse, reporter.hasReportedPending {
      reportIfCaughtUp(envelope.from.id)
    }
  }

  /// A store that knows better says that this peer was removed.
  private func handleTombstone(_ envelope: RaftEnvelope) {
    if envelope.mergeTarget != nil { return mergedByMessage(envelope) }
    guard envelope.to.id == info.id, region.epoch.isStale(comparedTo: envelope.epoch) else {
      return
    }
    removedByMessage("store \(envelope.from.storeID) says it was removed")
  }

  /// Whether sender and receiver are such that the message means us.
  private func shouldAccept(_ envelope: RaftEnvelope) -> Bool {
    if envelope.epoch.isStale(comparedTo: region.epoch),
      region.peer(onStore: envelope.from.storeID) == nil
    {
      // From one that was removed. If it asks for something, it does not know.
      if envelope.requestsTombstone { context.envelopes.append(tombstoneMessage(envelope)) }
      return false
    }
    // At our own membership we know every member: who is none of them speaks for no quorum.
    if isInitialized, envelope.epoch.confVersion == region.epoch.confVersion,
      region.peer(id: envelope.from.id) == nil
    {
      return false
    }
    if envelope.to.id < info.id {
      // Whoever made a peer that knows nothing may have invented its id.
      if !hasPromises { suspectRemoval("peer \(envelope.to.id) is meant in its place") }
      return false
    }
    if envelope.to.id > info.id {
      // That takes two changes of the membership we know, our removal and its addition.
      if isInitialized, envelope.epoch.confVersion <= region.epoch.confVersion {
        context.refused(
          envelope, "peer \(envelope.to.id) cannot have replaced \(info.id) by \(envelope.epoch)")
        return false
      }
      // A newer peer may have this one's place; it will be made by a later message.
      removedByMessage("peer \(envelope.to.id) took its place")
      return false
    }
    return true
  }

  /// Notifies a removed peer so.
  private func tombstoneMessage(_ envelope: RaftEnvelope) -> RaftEnvelope {
    RaftEnvelope(
      regionID: regionID, from: info, to: envelope.from, epoch: region.epoch, isTombstone: true)
  }

  private func handleExtra(_ extra: ExtraMessage, from envelope: RaftEnvelope) {
    switch extra.kind {
    case .checkStalePeer:
      handleHibernationMessage(extra, from: envelope)
      let response = ExtraMessage(kind: .checkStalePeerResponse, checkPeers: region.peers)
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: envelope.from, epoch: region.epoch, extra: response))
    case .availabilityResponse where extra.waitData: restartReplication(to: envelope.from)
    case .wantRollbackMerge: rollbackWanted(by: envelope.from, extra)
    case .regionWakeUp, .hibernateRequest, .hibernateResponse:
      handleHibernationMessage(extra, from: envelope)
    case .snapGenPrecheckRequest: respondToCheck(envelope)
    case .snapGenPrecheckResponse:
      receiverChecked(envelope.from, passed: extra.snapGenPrecheckPassed)
    case .consistencyHash: hashReported(by: envelope.from.id, extra.hash, at: extra.index)
    case .peerDamaged: peerIsDamaged(envelope.from)
    default:
      // The response alone shows that someone is there; the others are not used by this version.
      break
    }
  }

  /// A compaction names an earlier entry by index and term. One with another term than the log has would end
  /// every store that applies it. A leader takes both from its log, which is this peer's as far as the
  /// message fits it.
  private func impossibleCompaction(in message: Message) -> String? {
    guard message.type == .append else { return nil }
    for entry in message.entries {
      guard let cut = CompactionReader.compaction(in: entry) else { continue }
      let known =
        if cut.index > message.index {
          message.entries.first { $0.index == cut.index }?.term
        } else if node.term(at: message.index) == message.logTerm {
          node.term(at: cut.index)
        } else {
          UInt64?.none
        }
      if cut.index >= entry.index || known.map({ $0 != cut.term }) == true {
        return
          "entry \(entry.index) compacts to \(cut.index) in term \(cut.term), which is not the log's"
      }
    }
    return nil
  }

  /// Whether the core may see the message now.
  private func shouldStep(_ message: Message) -> Bool {
    switch message.type {
    case .vote, .preVote:
      return canVote(message)
    case .timeoutNow:
      // Without its data in place it could lead but not serve.
      return incomingSnapshot == nil
    case .readIndex:
      // While the region is merging its range may have another owner at any moment.
      return !node.isLeader || !isMerging
    case .transferLeader, .propose, .forgetLeader:
      // These begin where the leader is, or where they have their effect.
      return false
    default:
      return true
    }
  }

  /// An earlier process may have confirmed the leader's lease, and a vote could elect a second leader while it
  /// holds. So no vote for `maxLeaderLease` plus a tick. Exempt: leadership transfer; a single voter.
  private func canVote(_ message: Message) -> Bool {
    if recovery != nil {
      context.metrics.dropped.noVote.increment()
      return false
    }
    guard context.now < lease.votesAllowedAfter, message.context.isEmpty else { return true }
    let state = region.confState
    if state.voters.count == 1 && state.votersOutgoing.isEmpty { return true }
    context.metrics.dropped.noVote.increment()
    return false
  }

  func unreachable(peerID: UInt64) {
    guard lifecycle == .active else { return }
    if peerID == node.leaderID { return leaderUnreachable() }
    // A hibernated leader sends nothing that could be lost.
    guard node.isLeader, !isAsleep else { return }
    run { node throws(RaftError) in try node.reportUnreachable(peerID) }
  }

  func unreachable(storeID: UInt64) {
    guard let peer = region.peer(onStore: storeID), peer.id != info.id else { return }
    unreachable(peerID: peer.id)
  }
}

extension RaftEnvelope {
  /// Whether the sender is lost without a response.
  var requestsTombstone: Bool {
    if extra?.kind == .checkStalePeer { return true }
    return message?.type == .vote || message?.type == .preVote
  }
}
