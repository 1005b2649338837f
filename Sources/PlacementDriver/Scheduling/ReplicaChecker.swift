import Codec

/// Brings a region to its number of voters on stores that live.
///
/// It keeps no state: every response follows from the region as it is, so that whatever was begun
/// before a restart is simply carried on. A replacement is complete before what it replaces goes.
struct ReplicaChecker {
  let view: SchedulingView

  /// What the region needs next; nil when it is well, or nothing can be done now.
  func check(_ record: RegionRecord) -> SchedulingPlan? {
    guard record.leader != nil else { return nil }
    if record.isJoint { return .leaveJoint }
    let peers = record.region.peers
    // A store never heard of: the driver's own state may be incomplete. Hands off.
    guard peers.allSatisfy({ view.stores[$0.storeID] != nil }) else { return nil }

    let gone = peers.filter { view.isTombstone($0.storeID) }
    if let learner = gone.first(where: \.isLearner) { return .remove(learner) }
    let live = peers.filter { !view.isTombstone($0.storeID) }
    let learners = live.filter(\.isLearner)
    if live.count - learners.count < view.maxReplicas {
      return fill(record, learners)
    }
    if let dead = gone.first { return .remove(dead) }
    if live.count - learners.count > view.maxReplicas, let extra = worst(record, live) {
      return .remove(extra)
    }
    return learners.first.map { .remove($0) }
  }

  private func fill(_ record: RegionRecord, _ learners: [PeerInfo]) -> SchedulingPlan? {
    if let ready = learners.first(where: { !record.isPending($0) && !record.isDown($0) }) {
      return .promote(ready)
    }
    let target = view.target(for: record.region)
    guard let waiting = learners.first else { return target.map { .add(store: $0.id) } }
    // A learner whose store went silent is given up only when another store can take its place.
    return view.isUsable(waiting.storeID) || target == nil ? nil : .remove(waiting)
  }

  /// The voter that is missed least.
  private func worst(_ record: RegionRecord, _ peers: [PeerInfo]) -> PeerInfo? {
    func rank(_ peer: PeerInfo) -> (Int, Int, Int, Int, UInt64) {
      (
        record.isDown(peer) ? 1 : 0, record.isPending(peer) ? 1 : 0,
        view.isUsable(peer.storeID) ? 0 : 1, view.plannedPeers(peer.storeID), peer.id
      )
    }
    return peers.filter { !$0.isLearner && $0.id != record.leader?.id }
      .max { rank($0) < rank($1) }
  }
}
