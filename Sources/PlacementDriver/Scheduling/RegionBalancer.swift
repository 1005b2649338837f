import Codec

/// Spreads replicas over the stores by their size: a replica moves where that brings two stores closer together and
/// leaves the region's replicas as far apart as they were.
struct RegionBalancer {
  let view: SchedulingView

  /// At most `limit` moves, found in key order.
  func plans(limit: Int) -> [(RegionRecord, SchedulingPlan)] {
    let stores = view.stores.records.filter {
      $0.isUsable(at: view.now, view.config) && $0.heartbeat?.isBusy != true
    }
    let scores = Dictionary(uniqueKeysWithValues: stores.map { ($0.id, view.score($0)) })
    /// Bytes that the plans of this round move.
    var moved: [UInt64: Double] = [:]
    func score(_ id: UInt64, _ delta: Double = 0) -> Double {
      scores[id]?.score(delta: (moved[id] ?? 0) + delta) ?? 0
    }
    let tolerance = tolerance(stores)
    guard limit > 0,
      stores.contains(where: { source in
        stores.contains {
          score(source.id, -tolerance) >= score($0.id, tolerance) && source.id != $0.id
        }
      })
    else { return [] }

    var plans: [(RegionRecord, SchedulingPlan)] = []
    for record in view.regions.all {
      guard plans.count < limit else { break }
      guard isSettled(record) else { continue }
      let size = Double(StoreLoad.balanced(record.approximateSize))
      let margin = max(size, tolerance)
      let sources = record.region.peers.sorted {
        (score($0.storeID), $0.storeID) > (score($1.storeID), $1.storeID)
      }
      var move: (peer: PeerInfo, store: UInt64)?
      for peer in sources where move == nil {
        guard let source = view.stores[peer.storeID],
          view.allows(.removePeer, source, record.approximateSize)
        else { continue }
        let targets = stores.filter { target in
          isAllowed(target, record, replacing: peer)
            && score(peer.storeID, -margin) >= score(target.id, margin)
        }
        let best = targets.min { (score($0.id), $0.id) < (score($1.id), $1.id) }
        if let best { move = (peer, best.id) }
      }
      guard let move else { continue }
      moved[move.peer.storeID, default: 0] -= size
      moved[move.store, default: 0] += size
      plans.append((record, plan(record, move.peer, move.store)))
    }
    return plans
  }

  private func plan(_ record: RegionRecord, _ peer: PeerInfo, _ store: UInt64) -> SchedulingPlan {
    let reason =
      "store \(peer.storeID) holds \(view.regions.load(ofStore: peer.storeID).size >> 20) MiB, store "
      + "\(store) holds \(view.regions.load(ofStore: store).size >> 20) MiB"
    return SchedulingPlan("balance-region", reason, .region, .low, .move(peer, store: store))
  }

  private func isAllowed(
    _ target: StoreRecord, _ record: RegionRecord, replacing peer: PeerInfo
  ) -> Bool {
    let region = record.region
    guard region.peer(onStore: target.id) == nil, !view.isLow(target),
      view.mayReceive(target, record.approximateSize)
    else { return false }
    return !view.breaksIsolation(target, region, without: peer)
      && view.isolation(ofStore: target.id, in: region, without: peer)
        >= view.isolation(of: peer, in: region)
  }

  /// Bytes by which stores may differ from their average: some regions of average size.
  private func tolerance(_ stores: [StoreRecord]) -> Double {
    let loads = stores.map { view.regions.load(ofStore: $0.id) }
    let peers = loads.reduce(0) { $0 + $1.peers }
    guard peers > 0 else { return 0 }
    let average = loads.reduce(0.0) { $0 + Double($1.balancedSize) } / Double(peers)
    let ratio = view.config.tolerantSizeRatio
    let most = Double(loads.map(\.peers).max() ?? 0)
    return average * (ratio > 0 ? ratio : max(1, most * 0.005))
  }

  /// A region that lacks nothing: only such ones are moved for balance's sake.
  private func isSettled(_ record: RegionRecord) -> Bool {
    record.leader != nil && record.isHealthy && view.operators.isFree(record.id, at: view.now)
      && record.region.peers.count == view.maxReplicas
      && record.region.peers.allSatisfy { $0.role == .voter && view.isUsable($0.storeID) }
  }
}
