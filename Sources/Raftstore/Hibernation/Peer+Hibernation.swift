import Codec
import Raft
import Runtime

// Hibernation: a region that no one uses gets no ticks and sends nothing. The rules are in the page *Hibernation*.
extension Peer {
  var isAsleep: Bool { schedule.hibernation.isAsleep }

  /// The store to be watched for this peer's sake; 0 for none.
  var watchedStore: UInt64 {
    isAsleep && isActive && !node.isLeader ? knownLeader?.storeID ?? 0 : 0
  }

  // MARK: Falling asleep, as the leader

  /// Asks the others to hibernate when the region was not used for a while.
  ///
  /// - Parameter hasSentHeartbeats: whether this tick has: whoever agreed before is awake again.
  func considerHibernation(hasSentHeartbeats: Bool) {
    let config = context.config
    guard config.hibernation.isEnabled, node.isLeader else { return }
    schedule.hibernation.observe(
      context.now, nextRead: reads.nextID, isReading: !reads.isEmpty)
    if hasSentHeartbeats { schedule.hibernation.dropPoll() }
    guard schedule.hibernation.isUnused(for: config.hibernation.idleTime, context.now) else {
      return
    }
    // Just after the last heartbeat of an election timeout: all who live have responded to the others.
    guard node.electionElapsed + config.heartbeatTicks >= config.electionTicks,
      canLeadHibernation
    else { return }
    if isCompactionWorthwhile {
      // A quiet region keeps no more of its log than it must.
      compaction.requestSoon(context.now)
      return
    }
    schedule.hibernation.beginPoll(index: node.lastIndex)
  }

  /// After the round of a batch: questions follow heartbeats, and whoever hibernates has done everything else.
  func settleHibernation() {
    guard lifecycle == .active else { return }
    if let index = schedule.hibernation.takeQuestion() { sendHibernateRequests(index) }
    if let request = schedule.hibernation.takeRequest() { respond(to: request) }
    if node.isLeader { hibernateIfAgreed() }
  }

  private func sendHibernateRequests(_ index: UInt64) {
    let question = ExtraMessage(kind: .hibernateRequest, index: index)
    for member in region.peers where member.id != info.id {
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: member, epoch: region.epoch, extra: question))
    }
  }

  /// Whether nothing is under way, and all members that are not down have the whole log.
  private var canLeadHibernation: Bool {
    guard isQuiet, hasAppliedOwnTerm, node.leadTransferee == NodeID.none,
      !node.hasPendingConfChange, !isSplitting, splitting.prepared == nil,
      !reporter.hasReportedPending, !activity.hasDamage, case .idle = storage.snapshotState
    else { return false }
    var matched: Set<UInt64> = [info.id]
    for member in region.peers where member.id != info.id {
      guard let progress = node.progress(of: member.id) else { return false }
      let isMatched = progress.match == node.lastIndex && progress.state == .replicate
      if isMatched && progress.recentActive {
        matched.insert(member.id)
      } else if !isDown(member.id) {
        return false
      }
    }
    return isQuorum(matched)
  }

  /// Whether nothing waits here, whoever leads.
  private var isQuiet: Bool {
    lifecycle == .active && isInitialized && incomingSnapshot == nil && recovery == nil
      && !isBroadcastingRemoval && !isMerging && merging.request == nil && !node.hasReady
      && health.check == nil
      && reads.isEmpty && writes.isEmpty && proposals.isEmpty && node.committed == node.lastIndex
      && storage.applyState.appliedIndex == node.lastIndex
  }

  private func isDown(_ peerID: UInt64) -> Bool {
    guard let silence = activity.totalSilence(of: peerID, at: context.now) else { return false }
    return silence >= context.config.stalePeers.maxPeerDown
  }

  private func isQuorum(_ ids: Set<UInt64>) -> Bool {
    let state = region.confState
    return [state.voters, state.votersOutgoing].allSatisfy { voters in
      voters.isEmpty || voters.count { ids.contains($0) } > voters.count / 2
    }
  }

  /// A member agrees.
  func hibernateAgreed(_ peerID: UInt64, index: UInt64) {
    guard lifecycle == .active, node.isLeader, region.peer(id: peerID) != nil else { return }
    activity.recordContact(peerID, context.now)
    schedule.hibernation.agree(peerID, index: index)
  }

  /// Hibernates when all who are not down have agreed, and with the leader they are a quorum: whoever is woken then
  /// finds one that wakes up too.
  private func hibernateIfAgreed() {
    guard schedule.hibernation.isPolling, canLeadHibernation else { return }
    var agreed: Set<UInt64> = [info.id]
    for member in region.peers where member.id != info.id {
      if schedule.hibernation.hasAgreed(member.id) {
        agreed.insert(member.id)
      } else if !isDown(member.id) {
        return
      }
    }
    guard isQuorum(agreed) else { return }
    // What was written since the last report shows for as long as the region hibernates.
    reportSizeIfOff()
    fallAsleep()
    let interval = context.config.sleepingHeartbeatInterval
    reporter.postpone(until: context.now + interval)
  }

  // MARK: Falling asleep, as a follower

  /// The leader asks. Silence means no.
  private func respond(to request: Hibernation.Request) {
    let index = request.index
    guard context.config.hibernation.isEnabled, request.leaderID == node.leaderID, isQuiet,
      index == node.lastIndex, node.term(at: index) == node.term, node.role == .follower,
      let leader = region.peer(id: request.leaderID), leader.role != .learner
    else { return }
    staleness.heardFromLeader(context.now)
    if isAsleep {
      schedule.hibernation.leaderSpoke()
    } else {
      // It campaigns first, should it doubt that the leader still leads.
      if schedule.hibernation.isInDoubt { return }
      fallAsleep()
    }
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: leader, epoch: region.epoch,
        extra: ExtraMessage(kind: .hibernateResponse, index: index)))
  }

  private func fallAsleep() {
    precondition(isQuiet, "\(region) hibernates although something is under way")
    storage.releaseBuffers()
    node.releaseBuffers()
    proposals.releaseBuffer()
    schedule.hibernation.fallAsleep(context.now)
  }

  // MARK: Waking up

  /// Something concerns the region.
  ///
  /// - Parameters:
  ///   - inDoubt: whether the leader may be gone.
  ///   - beforeStep: whether nothing that woke it was stepped yet. Only then do the ticks that it missed count: a
  ///     message of the leader begins its election timeout anew.
  func wake(inDoubt: Bool = false, beforeStep: Bool = true) {
    guard lifecycle == .active else { return }
    let isInDoubt = inDoubt && !node.isLeader
    guard let since = schedule.hibernation.wake(inDoubt: isInDoubt) else { return }
    if node.isLeader {
      activity.resume(context.now)
      reporter.hasten(to: context.now + context.config.regionHeartbeatInterval)
      // The others wake up with it.
      run { node throws(RaftError) in try node.ping() }
    } else if beforeStep {
      replayTicks(since: since)
    }
  }

  /// Counts the time asleep as far as an election timeout is not reached by it, not even before the first heartbeats
  /// of a leader that is woken arrive: a peer that has long slept campaigns soon, but not at once.
  ///
  /// One tick less than the time holds: the last tick before the sleep and the first after it may be closer together than
  /// an interval, and leases allow for that once.
  private func replayTicks(since: Instant) {
    let config = context.config
    let limit = config.electionTicks - config.heartbeatTicks - 2 - node.electionElapsed
    let tick = max(1, config.baseTickInterval.asNanoseconds)
    let missed = (context.now - since).asNanoseconds / tick - 1
    guard limit > 0, missed > 0 else { return }
    for _ in 0..<min(missed, Int64(limit)) { node.tickQuiesced() }
  }

  /// A client, the placement driver or an operator wants something of the region.
  func wakeForRequest() {
    guard lifecycle == .active else { return }
    if node.isLeader {
      schedule.hibernation.used(context.now)
      return wake()
    }
    schedule.isWanted = true
    // Whoever comes here may have found the leader gone.
    if isAsleep { return wakeLeader() }
    // It need not wait for those that no one asks for (Campaigns).
    if incomingSnapshot == nil { run { node throws(RaftError) in try node.campaignEarly() } }
  }

  /// The leader may be gone: it is asked for a sign of life, and if none comes this peer campaigns.
  private func wakeLeader() {
    wake(inDoubt: true)
    guard let leader = knownLeader else { return }
    sendWakeUp(to: leader)
  }

  private func sendWakeUp(to peer: PeerInfo) {
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: peer, epoch: region.epoch,
        extra: ExtraMessage(kind: .regionWakeUp)))
  }

  /// The store of the leader does not respond.
  func leaderUnreachable() {
    guard isAsleep, !node.isLeader else { return }
    wakeLeader()
  }

  /// A message that passed the checks is about to be stepped.
  func wake(for message: Message) {
    switch message.type {
    case .vote, .preVote, .timeoutNow:
      // Someone does not hear the leader.
      if isAsleep { wake(inDoubt: true) }
    default:
      // A leader is not woken by late responses, but by what they lead to (`wakeIfReady`).
      if isAsleep, !node.isLeader { wake() }
    }
  }

  /// A message of the leader was stepped.
  func leaderSpoke() {
    schedule.hibernation.leaderSpoke()
    schedule.isWanted = false
  }

  /// Before the round of a batch: whatever makes the core do something wakes the peer.
  func wakeIfReady() {
    if isAsleep, node.hasReady { wake(beforeStep: false) }
  }

  func handleHibernationMessage(_ extra: ExtraMessage, from envelope: RaftEnvelope) {
    switch extra.kind {
    case .regionWakeUp: wake(inDoubt: extra.forcelyAwaken)
    case .checkStalePeer: wake()
    case .hibernateRequest:
      schedule.hibernation.asked(
        Hibernation.Request(leaderID: envelope.from.id, index: extra.index))
    case .hibernateResponse: hibernateAgreed(envelope.from.id, index: extra.index)
    default: break
    }
  }

  // MARK: Asleep

  /// When a hibernated peer is due next.
  var nextDue: Instant {
    var next = staleness.nextCheck
    if let asked = staleness.suspicion?.askedAt {
      next = min(next, asked + context.config.stalePeers.membershipCheckInterval)
    }
    guard node.isLeader else { return next }
    next = min(next, reporter.next)
    if compaction.isRequested { next = min(next, compaction.next) }
    if splitting.trigger.isForced { next = min(next, splitting.trigger.next) }
    return next
  }

  /// What a hibernated peer does instead of ticks, at its due times.
  func tickAsleep() {
    guard lifecycle == .active, isAsleep else { return }
    runDue()
  }

  /// Part of the check for stale peers. A hibernated leader shows that it lives; a hibernated follower that hears
  /// nothing of it in two intervals does not count on it any more.
  func checkSleep() {
    guard isAsleep else { return }
    if node.isLeader {
      sendHibernateRequests(node.lastIndex)
    } else if context.now - staleness.leaderContactAt >= context.config.stalePeers.checkInterval,
      schedule.hibernation.leaderMissed()
    {
      wakeLeader()
    }
  }

  /// A peer that cannot campaign finds a hibernated leader only by waking it.
  func searchLeader() {
    let interval = 4 * context.config.electionTicks
    guard node.leaderID == NodeID.none, isInitialized, !node.isPromotable,
      node.electionElapsed % interval == interval / 2
    else { return }
    for member in region.peers where member.id != info.id { sendWakeUp(to: member) }
  }
}

extension RaftstoreConfig {
  /// How often a hibernated leader reports its region.
  var sleepingHeartbeatInterval: Duration {
    max(regionHeartbeatInterval, min(stalePeers.checkInterval, .seconds(300)))
  }
}
