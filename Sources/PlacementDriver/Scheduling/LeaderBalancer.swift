import Codec

/// Spreads leaders over the stores: a leader moves where that brings two stores closer together.
///
/// A round looks at some regions of each store that leads too much, and of each that leads too little.
struct LeaderBalancer {
  let view: SchedulingView
  /// Leaders of each usable store, once all running operators and the plans of this round are finished.
  private var counts: [UInt64: Int] = [:]
  private var weights: [UInt64: Double] = [:]
  /// Leaders by which stores may differ from their average.
  private let tolerance: Int
  private var plans: [(RegionRecord, SchedulingPlan)] = []
  /// Regions of this round's plans.
  private var planned: Set<UInt64> = []

  init(view: SchedulingView) {
    self.view = view
    for store in view.balancedStores where !view.evicting.contains(store.id) {
      counts[store.id] = view.plannedLeaders(store.id)
      weights[store.id] = max(store.leaderWeight, StoreScore.leastWeight)
    }
    let ratio = view.config.tolerantSizeRatio
    let most = counts.values.max() ?? 0
    // One, more when a store leads many.
    tolerance = max(1, ratio > 0 ? Int(min(ratio, 1_000_000)) : most / 200)
  }

  /// At most `limit` moves.
  mutating func plans(
    limit: Int, _ cursors: inout RegionCursors
  ) -> [(RegionRecord, SchedulingPlan)] {
    while plans.count < limit {
      // The store that leads most gives first, then the one that leads least takes: each region once a round.
      let ranked = counts.keys.sorted { rank($0) < rank($1) }
      guard let least = ranked.first, let most = ranked.last, isBetter(most, least) else { break }
      let wasFound =
        ranked.reversed().contains { isBetter($0, least) && give($0, &cursors) }
        || ranked.contains { isBetter(most, $0) && take($0, &cursors) }
      if !wasFound { break }
    }
    return plans
  }

  /// Moves one leader away from a store.
  private mutating func give(_ store: UInt64, _ cursors: inout RegionCursors) -> Bool {
    let ids = cursors.next(
      .balanceLeader, ofStore: store, in: view.regions.regions(ofStore: store).leaders)
    for id in ids {
      guard let record = movable(id), record.leader?.storeID == store else { continue }
      let candidates = record.region.peers.filter {
        $0.role == .voter && $0.storeID != store && isBetter(store, $0.storeID)
      }
      guard let best = candidates.min(by: { rank($0.storeID) < rank($1.storeID) }) else { continue }
      cursors.used(id, of: ids, .balanceLeader, ofStore: store)
      plan(record, from: store, to: best)
      return true
    }
    return false
  }

  /// Moves one leader to a store.
  private mutating func take(_ store: UInt64, _ cursors: inout RegionCursors) -> Bool {
    let ids = cursors.next(
      .balanceLeader, ofStore: store, in: view.regions.regions(ofStore: store).peers)
    for id in ids {
      guard let record = movable(id), let leader = record.leader, leader.storeID != store,
        let peer = record.region.peer(onStore: store), peer.role == .voter,
        isBetter(leader.storeID, store)
      else { continue }
      cursors.used(id, of: ids, .balanceLeader, ofStore: store)
      plan(record, from: leader.storeID, to: peer)
      return true
    }
    return false
  }

  private func movable(_ id: UInt64) -> RegionRecord? {
    guard !planned.contains(id), let record = view.regions.record(id: id),
      view.operators.isFree(id, at: view.now), record.isHealthy, !record.isJoint
    else { return nil }
    return record
  }

  private mutating func plan(_ record: RegionRecord, from store: UInt64, to peer: PeerInfo) {
    let reason =
      "store \(store) leads \(counts[store] ?? 0) regions, store \(peer.storeID) leads "
      + "\(counts[peer.storeID] ?? 0)"
    counts[store, default: 0] -= 1
    counts[peer.storeID, default: 0] += 1
    planned.insert(record.id)
    plans.append(
      (
        record,
        SchedulingPlan(
          "balance-leader", reason, .leader, .low, .transferLeader(from: store, to: peer))
      ))
  }

  private func rank(_ store: UInt64) -> (Double, UInt64) {
    (Double(counts[store] ?? 0) / (weights[store] ?? 1), store)
  }

  /// Whether the receiver still has no more than the giver after the move and the tolerance.
  private func isBetter(_ from: UInt64, _ to: UInt64) -> Bool {
    guard from != to, let giving = counts[from], let taking = counts[to],
      let giverWeight = weights[from], let takerWeight = weights[to]
    else { return false }
    return Double(giving - tolerance) / giverWeight >= Double(taking + tolerance) / takerWeight
  }
}

/// Moves leaders off stores that must lead nothing.
struct LeaderEvictor {
  let view: SchedulingView

  /// At most `limit` moves.
  func plans(
    limit: Int, _ cursors: inout RegionCursors
  ) -> [(RegionRecord, SchedulingPlan)] {
    guard limit > 0 else { return [] }
    var plans: [(RegionRecord, SchedulingPlan)] = []
    for store in view.evicting.sorted() {
      let ids = cursors.next(
        .evictLeader, ofStore: store, in: view.regions.regions(ofStore: store).leaders)
      for id in ids {
        guard plans.count < limit else { return plans }
        guard let record = view.regions.record(id: id), !record.isJoint,
          view.operators.isFree(record.id, at: view.now), let target = view.successor(record),
          !view.evicting.contains(target.storeID)
        else { continue }
        plans.append(
          (
            record,
            SchedulingPlan(
              "evict-leader", "store \(store) must lead nothing", .leader, .high,
              .transferLeader(from: store, to: target))
          ))
      }
    }
    return plans
  }
}
