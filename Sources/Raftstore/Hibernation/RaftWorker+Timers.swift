import Codec
import Runtime

// Ticks, due times of hibernated peers, and stores that are gone.
extension RaftWorker {
  mutating func tick() {
    var leaderless: Int64 = 0
    for id in timers.ticks({ [peers] in peers[$0]?.schedule.isTicking == true }) {
      guard let peer = addToBatch(id) else { continue }
      peer.tick()
      if let since = peer.staleness.leaderlessSince,
        context.now - since >= context.config.stalePeers.abnormalLeaderMissing
      {
        leaderless += 1
      }
    }
    context.metrics.leaderMissing.set(leaderless)
    while let (id, at) = timers.takeDue(context.now) {
      guard peers[id]?.schedule.dueAt == at, let peer = addToBatch(id) else { continue }
      peer.schedule.dueAt = nil
      peer.tickAsleep()
    }
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
      }
      context.metrics.ticking.add(mustTick ? 1 : -1)
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
    for id in order where peers[id]?.schedule.watchedStore == storeID { toWake.append(id) }
    wakeSleepers()
  }

  /// Peers that are woken in one batch: each sends a message, and the others of the shard wait.
  static var wakesPerBatch: Int { 1024 }

  mutating func wakeSleepers() {
    let now = toWake.prefix(Self.wakesPerBatch)
    toWake.removeFirst(now.count)
    for id in now where peers[id]?.schedule.watchedStore ?? 0 != 0 {
      addToBatch(id)?.leaderUnreachable()
    }
    if let next = toWake.first { context.router.post(.wakeSleepers, to: next) }
  }
}
