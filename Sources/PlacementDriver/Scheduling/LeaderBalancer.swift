import Codec

/// Spreads leaders over the stores: a leader moves where that brings two stores closer together.
struct LeaderBalancer {
  let view: SchedulingView

  /// At most `limit` moves, found in key order.
  func plans(limit: Int) -> [(RegionRecord, SchedulingPlan)] {
    let stores = view.stores.records.filter {
      $0.isUsable(at: view.now, view.config) && $0.heartbeat?.isBusy != true
    }
    var counts: [UInt64: Int] = [:]
    for store in stores { counts[store.id] = view.plannedLeaders(store.id) }
    let all = stores.compactMap { counts[$0.id] }
    guard limit > 0, let most = all.max(), let least = all.min(), most - least >= 2 else {
      return []
    }

    var plans: [(RegionRecord, SchedulingPlan)] = []
    for record in view.regions.all {
      guard plans.count < limit else { break }
      guard let leader = record.leader, let leading = counts[leader.storeID],
        view.operators.isFree(record.id, at: view.now), record.isHealthy, !record.isJoint
      else { continue }
      let candidates = record.region.peers.compactMap { peer -> (count: Int, peer: PeerInfo)? in
        guard peer.role == .voter, let count = counts[peer.storeID], leading - count >= 2
        else { return nil }
        return (count, peer)
      }
      let best = candidates.min { ($0.count, $0.peer.storeID) < ($1.count, $1.peer.storeID) }
      guard let best else { continue }
      counts[leader.storeID] = leading - 1
      counts[best.peer.storeID] = best.count + 1
      plans.append((record, .transferLeader(from: leader.storeID, to: best.peer)))
    }
    return plans
  }
}
