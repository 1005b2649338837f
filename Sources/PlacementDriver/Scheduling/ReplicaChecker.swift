import Codec

/// Brings a region to its number of voters on stores that are not lost.
///
/// It keeps no state: every plan follows from the region as it is, so that work which began before a restart goes on.
/// A replacement is complete before what it replaces is removed.
struct ReplicaChecker {
  let view: SchedulingView

  /// What the region needs next; nil when it needs nothing, or nothing can be done now.
  func check(_ record: RegionRecord) -> SchedulingPlan? {
    guard record.leader != nil else { return nil }
    if record.isJoint { return .leaveJoint }
    let peers = record.region.peers
    // PD does not know the store: its own state may be incomplete, so the region is left alone.
    guard peers.allSatisfy({ view.stores[$0.storeID] != nil }) else { return nil }

    let lost = peers.filter { view.isLost($0.storeID) }
    if let learner = lost.first(where: \.isLearner) { return .remove(learner) }
    let live = peers.filter { !view.isLost($0.storeID) }
    let learners = live.filter(\.isLearner)
    if live.count - learners.count < view.maxReplicas {
      return fill(record, learners)
    }
    if let lost = lost.first { return .remove(lost) }
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
