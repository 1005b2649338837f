import Codec

/// Spreads leaders over the stores: a leader moves where that brings two stores closer together.
struct LeaderBalancer {
  let view: SchedulingView

  /// At most `limit` moves, found in key order.
  func plans(limit: Int) -> [(RegionRecord, SchedulingPlan)] {
    let stores = view.stores.records.filter {
      $0.isUsable(at: view.now, view.config) && $0.heartbeat?.isBusy != true
        && !view.evicting.contains($0.id)
    }
    var counts: [UInt64: Int] = [:]
    var weights: [UInt64: Double] = [:]
    for store in stores {
      counts[store.id] = view.plannedLeaders(store.id)
      weights[store.id] = max(store.leaderWeight, StoreScore.leastWeight)
    }
    let tolerance = tolerance(stores.compactMap { counts[$0.id] }.max() ?? 0)
    /// Whether the receiver still has no more than the giver after the move and the tolerance.
    func isBetter(_ from: UInt64, _ to: UInt64) -> Bool {
      guard let giving = counts[from], let taking = counts[to], let giverWeight = weights[from],
        let takerWeight = weights[to]
      else { return false }
      return Double(giving - tolerance) / giverWeight >= Double(taking + tolerance) / takerWeight
    }
    guard limit > 0,
      stores.contains(where: { from in
        stores.contains { isBetter(from.id, $0.id) && from.id != $0.id }
      })
    else { return [] }

    var plans: [(RegionRecord, SchedulingPlan)] = []
    for record in view.regions.all {
      guard plans.count < limit else { break }
      guard let leader = record.leader, counts[leader.storeID] != nil,
        view.operators.isFree(record.id, at: view.now), record.isHealthy, !record.isJoint
      else { continue }
      let candidates = record.region.peers.filter {
        $0.role == .voter && $0.storeID != leader.storeID && isBetter(leader.storeID, $0.storeID)
      }
      func rank(_ peer: PeerInfo) -> (Double, UInt64) {
        (Double(counts[peer.storeID] ?? 0) / (weights[peer.storeID] ?? 1), peer.storeID)
      }
      guard let best = candidates.min(by: { rank($0) < rank($1) }) else { continue }
      let reason =
        "store \(leader.storeID) leads \(counts[leader.storeID] ?? 0) regions, store "
        + "\(best.storeID) leads \(counts[best.storeID] ?? 0)"
      counts[leader.storeID, default: 0] -= 1
      counts[best.storeID, default: 0] += 1
      plans.append(
        (
          record,
          SchedulingPlan(
            "balance-leader", reason, .leader, .low,
            .transferLeader(from: leader.storeID, to: best))
        ))
    }
    return plans
  }

  /// Leaders by which stores may differ from their average: one, more when a store leads many.
  private func tolerance(_ most: Int) -> Int {
    let ratio = view.config.tolerantSizeRatio
    return max(1, ratio > 0 ? Int(min(ratio, 1_000_000)) : most / 200)
  }
}

/// Moves leaders off stores that must lead nothing.
struct LeaderEvictor {
  let view: SchedulingView

  /// At most `limit` moves, found in key order.
  func plans(limit: Int) -> [(RegionRecord, SchedulingPlan)] {
    let leading = view.evicting.contains { view.regions.load(ofStore: $0).leaders > 0 }
    guard limit > 0, leading else { return [] }
    var plans: [(RegionRecord, SchedulingPlan)] = []
    for record in view.regions.all {
      guard plans.count < limit else { break }
      guard let leader = record.leader, view.evicting.contains(leader.storeID), !record.isJoint,
        view.operators.isFree(record.id, at: view.now), let target = view.successor(record),
        !view.evicting.contains(target.storeID)
      else { continue }
      plans.append(
        (
          record,
          SchedulingPlan(
            "evict-leader", "store \(leader.storeID) must lead nothing", .leader, .high,
            .transferLeader(from: leader.storeID, to: target))
        ))
    }
    return plans
  }
}
