import Codec

/// Spreads replicas over the stores: a replica moves where that brings two stores closer together.
struct RegionBalancer {
  let view: SchedulingView

  /// At most `limit` moves, found in key order.
  func plans(limit: Int) -> [(RegionRecord, SchedulingPlan)] {
    let stores = view.stores.records.filter {
      $0.isUsable(at: view.now, view.config) && $0.heartbeat?.isBusy != true
    }
    var counts: [UInt64: Int] = [:]
    for store in stores { counts[store.id] = view.plannedPeers(store.id) }
    let all = stores.compactMap { counts[$0.id] }
    guard limit > 0, let most = all.max(), let least = all.min(), most - least >= 2 else {
      return []
    }

    var plans: [(RegionRecord, SchedulingPlan)] = []
    for record in view.regions.all {
      guard plans.count < limit else { break }
      guard isSettled(record), let target = view.target(for: record.region),
        let goal = counts[target.id]
      else { continue }
      let sources = record.region.peers.compactMap { peer -> (count: Int, peer: PeerInfo)? in
        guard let count = counts[peer.storeID], count - goal >= 2 else { return nil }
        return (count, peer)
      }
      let source = sources.max { ($0.count, $0.peer.storeID) < ($1.count, $1.peer.storeID) }
      guard let source else { continue }
      counts[source.peer.storeID] = source.count - 1
      counts[target.id] = goal + 1
      plans.append((record, .move(source.peer, store: target.id)))
    }
    return plans
  }

  /// A region that lacks nothing: only such ones are moved for balance's sake.
  private func isSettled(_ record: RegionRecord) -> Bool {
    record.leader != nil && record.isHealthy && view.operators.isFree(record.id, at: view.now)
      && record.region.peers.count == view.maxReplicas
      && record.region.peers.allSatisfy { $0.role == .voter && view.isUsable($0.storeID) }
  }
}
