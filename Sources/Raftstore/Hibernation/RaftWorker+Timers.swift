import Codec
import Runtime

// Ticks, due times of hibernated peers, and stores that are gone.
extension RaftWorker {
  mutating func tick() {
    pulse.tickHandled()
    var leaderless: Int64 = 0
    var campaigns = DueCampaigns()
    var inProgress = 0
    for id in timers.ticks({ [peers] in peers[$0]?.schedule.isTicking == true }) {
      guard let peer = peers[id] else { continue }
      if let delay = peer.campaignDelay, !peer.schedule.isWanted {
        campaigns.add(id, delay: delay)
      } else {
        if peer.isCampaigning { inProgress += 1 }
        tick(peer)
      }
      if let since = peer.staleness.leaderlessSince,
        context.now - since >= context.config.stalePeers.abnormalLeaderMissing
      {
        leaderless += 1
      }
    }
    context.metrics.peers.leaderMissing.set(leaderless)
    for (id, isFirst) in campaigns.ordered(limit: max(0, campaignLimit - inProgress)) {
      if let peer = peers[id] { tick(peer, mayCampaign: isFirst) }
    }
    wakeSleepers()
    while let (id, at) = timers.takeDue(context.now) {
      guard peers[id]?.schedule.dueAt == at, let peer = addToBatch(id) else { continue }
      peer.schedule.dueAt = nil
      peer.tickAsleep()
    }
  }

  /// Most ticks of followers only move clocks: then the round of the batch would find nothing to do.
  private mutating func tick(_ peer: Peer, mayCampaign: Bool = true) {
    peer.tick(mayCampaign: mayCampaign)
    if peer.needsRound { _ = addToBatch(peer.regionID) }
  }

  /// Campaigns of the shard that may be in progress at a time because no leader is heard of.
  private var campaignLimit: Int {
    max(1, context.config.stalePeers.maxCampaigns / context.config.shards)
  }

  /// When the shard needs its next tick.
  func publishNextTick() {
    pulse.set(toWake.isEmpty ? timers.nextTick : Instant(nanoseconds: 0))
  }

  /// After the peer's round of the batch: whether it gets ticks from now on, or when it is due.
  mutating func settle(_ peer: Peer) {
    let isGone = peer.lifecycle == .gone
    let mustTick = !isGone && !(peer.isActive && peer.isAsleep)
    if mustTick != peer.schedule.isTicking {
      peer.schedule.isTicking = mustTick
      if mustTick {
        timers.start(peer.regionID)
        // Its entry in the queue is not valid any more.
        peer.schedule.dueAt = nil
      } else {
        timers.stop()
      }
      context.metrics.peers.ticking.add(mustTick ? 1 : -1)
    }
    if !mustTick && !isGone {
      let next = peer.nextDue
      if peer.schedule.dueAt.map({ next < $0 }) ?? true {
        peer.schedule.dueAt = next
        timers.schedule(peer.regionID, at: next)
      }
    }
    watch(isGone ? 0 : peer.watchedStore, for: peer)
  }

  /// Keeps count of the hibernated followers by the stores of their leaders.
  private mutating func watch(_ storeID: UInt64, for peer: Peer) {
    let old = peer.schedule.watchedStore
    guard storeID != old else { return }
    peer.schedule.watchedStore = storeID
    if old != 0, timers.removeSleeper(old) {
      context.router.postToStore(.watchStore(storeID: old, begins: false))
    }
    if storeID != 0, timers.addSleeper(storeID) {
      context.router.postToStore(.watchStore(storeID: storeID, begins: true))
    }
  }

  // MARK: Stores that are gone

  /// Nothing reaches a store. Leaders send less to its peers; hibernated followers of leaders there wake up, some at
  /// a time.
  mutating func storeUnreachable(_ storeID: UInt64) {
    for id in timers.ticks({ [peers] in peers[$0]?.schedule.isTicking == true }) {
      guard let peer = peers[id], peer.node.isLeader else { continue }
      _ = addToBatch(id)
      peer.unreachable(storeID: storeID)
    }
    guard timers.hasSleepers(storeID) else { return }
    let known = Set(toWake)
    for id in order where peers[id]?.schedule.watchedStore == storeID && !known.contains(id) {
      toWake.append(id)
    }
    wakeSleepers()
  }

  /// A store that was silent is heard again: those of its followers that are hibernated still can go on. It was only
  /// slow, as stores are when they have much to do, and waking all would give them more.
  mutating func storeHeard(_ storeID: UInt64) {
    toWake.removeAll { [peers] in peers[$0]?.schedule.watchedStore == storeID }
  }

  /// Wakes as many as may campaign at a time: waking more would not elect leaders sooner.
  private mutating func wakeSleepers() {
    if toWake.isEmpty { return }
    let now = toWake.prefix(campaignLimit)
    toWake.removeFirst(now.count)
    for id in now where peers[id]?.schedule.watchedStore ?? 0 != 0 {
      addToBatch(id)?.leaderUnreachable()
    }
  }
}
