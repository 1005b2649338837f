import Codec

/// Spreads replicas over the stores by their size: a replica moves where that brings two stores closer together and
/// leaves the region's replicas as far apart as they were.
///
/// A round looks at some regions of each store, those of the most loaded store first.
struct RegionBalancer {
  let view: SchedulingView
  private let stores: [StoreRecord]
  private let scores: [UInt64: StoreScore]
  /// Bytes by which stores may differ from their average: some regions of average size.
  private let tolerance: Double
  /// Bytes that the plans of this round move.
  private var moved: [UInt64: Double] = [:]
  /// Regions of this round's plans.
  private var planned: Set<UInt64> = []

  init(view: SchedulingView) {
    self.view = view
    stores = view.balancedStores
    scores = Dictionary(uniqueKeysWithValues: stores.map { ($0.id, view.score($0)) })
    tolerance = Self.tolerance(stores, view)
  }

  /// At most `limit` moves.
  mutating func plans(
    limit: Int, _ cursors: inout RegionCursors
  ) -> [(RegionRecord, SchedulingPlan)] {
    var plans: [(RegionRecord, SchedulingPlan)] = []
    while plans.count < limit {
      let ranked = stores.sorted { (score($0.id), $0.id) > (score($1.id), $1.id) }
      guard let least = ranked.last else { break }
      var found: (RegionRecord, SchedulingPlan)?
      for source in ranked where found == nil {
        // The stores behind are less loaded.
        guard score(source.id, -tolerance) >= score(least.id, tolerance) else { break }
        found = move(from: source, &cursors)
      }
      guard let found else { break }
      plans.append(found)
    }
    return plans
  }

  private func score(_ id: UInt64, _ delta: Double = 0) -> Double {
    scores[id]?.score(delta: (moved[id] ?? 0) + delta) ?? 0
  }

  /// The move of one replica away from a store: rather of one that follows than of one that leads.
  private mutating func move(
    from source: StoreRecord, _ cursors: inout RegionCursors
  ) -> (RegionRecord, SchedulingPlan)? {
    let ids = cursors.next(
      .balanceRegion, ofStore: source.id, in: view.regions.regions(ofStore: source.id).peers)
    var led: (record: RegionRecord, peer: PeerInfo, store: UInt64)?
    for id in ids {
      guard !planned.contains(id), let record = view.regions.record(id: id), isSettled(record),
        view.allows(.removePeer, source, record.approximateSize),
        let peer = record.region.peer(onStore: source.id), let target = target(record, peer)
      else { continue }
      if record.leader?.id == peer.id {
        led = led ?? (record, peer, target)
        continue
      }
      cursors.used(id, of: ids, .balanceRegion, ofStore: source.id)
      return plan(record, peer, target)
    }
    return led.map { plan($0.record, $0.peer, $0.store) }
  }

  private func target(_ record: RegionRecord, _ peer: PeerInfo) -> UInt64? {
    let margin = max(size(record), tolerance)
    let targets = stores.filter { target in
      score(peer.storeID, -margin) >= score(target.id, margin)
        && isAllowed(target, record, replacing: peer)
    }
    return targets.min { (score($0.id), $0.id) < (score($1.id), $1.id) }?.id
  }

  private func size(_ record: RegionRecord) -> Double {
    Double(StoreLoad.balanced(record.approximateSize))
  }

  private mutating func plan(
    _ record: RegionRecord, _ peer: PeerInfo, _ store: UInt64
  ) -> (RegionRecord, SchedulingPlan) {
    moved[peer.storeID, default: 0] -= size(record)
    moved[store, default: 0] += size(record)
    planned.insert(record.id)
    let reason =
      "store \(peer.storeID) holds \(view.regions.load(ofStore: peer.storeID).size >> 20) MiB, store "
      + "\(store) holds \(view.regions.load(ofStore: store).size >> 20) MiB"
    return (
      record, SchedulingPlan("balance-region", reason, .region, .low, .move(peer, store: store))
    )
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

  private static func tolerance(_ stores: [StoreRecord], _ view: SchedulingView) -> Double {
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
      && !view.isHot(record.id)
      && record.region.peers.count == view.maxReplicas
      && record.region.peers.allSatisfy { $0.role == .voter && view.isUsable($0.storeID) }
  }
}
