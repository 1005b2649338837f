import Codec
import Runtime

/// The input of checkers and balancers: the cluster at one time.
struct SchedulingView {
  let regions: RegionTree
  let stores: StoreTable
  let operators: OperatorTable
  let limits: StoreLimits
  let config: PDConfig
  let maxReplicas: Int
  /// Stores that leaders must leave.
  let evicting: Set<UInt64>
  let hotRegions: HotRegionTable
  let now: Instant

  func isUsable(_ storeID: UInt64) -> Bool {
    stores[storeID]?.isUsable(at: now, config) ?? false
  }

  func isLost(_ storeID: UInt64) -> Bool {
    stores[storeID]?.isLost(at: now, config) ?? false
  }

  /// Whether a peer has lacked data or been silent for longer than copying the region should take.
  func isLagging(_ peer: PeerInfo, _ record: RegionRecord) -> Bool {
    guard let since = record.laggingSince[peer.id] else { return false }
    let limit = OperatorStep.addLearner(peer).timeout(config, bytes: record.approximateSize)
    return now - since > limit
  }

  /// Whether clients read or write the region so much that it is left to the balancing of hot regions.
  func isHot(_ id: UInt64) -> Bool { hotRegions.isHot(id, hits: config.hotRegions.hits) }

  // MARK: Load

  /// The stores between which balancing moves leaders and replicas.
  var balancedStores: [StoreRecord] {
    stores.records.filter { $0.isUsable(at: now, config) && $0.heartbeat?.isBusy != true }
  }

  /// Peers that the store will have when all running operators are finished.
  func plannedPeers(_ storeID: UInt64) -> Int {
    regions.load(ofStore: storeID).peers + operators.peerShift(ofStore: storeID)
  }

  /// The same of leaders.
  func plannedLeaders(_ storeID: UInt64) -> Int {
    regions.load(ofStore: storeID).leaders + operators.leaderShift(ofStore: storeID)
  }

  /// The load of a store's regions, all running operators finished.
  func score(_ store: StoreRecord) -> StoreScore {
    let bytes =
      Double(regions.load(ofStore: store.id).balancedSize)
      + Double(operators.byteShift(ofStore: store.id))
    return StoreScore(store, plannedBytes: bytes, lowSpaceRatio: config.lowSpaceRatio)
  }

  // MARK: Location

  /// How far a peer is from the region's other replicas; 0 without location labels.
  func isolation(of peer: PeerInfo, in region: Region) -> Double {
    isolation(ofStore: peer.storeID, in: region, without: peer)
  }

  /// How far a store is from the region's replicas but for one.
  func isolation(ofStore id: UInt64, in region: Region, without peer: PeerInfo?) -> Double {
    guard !config.replicas.locationLabels.isEmpty, let store = stores[id] else { return 0 }
    return LocationScore.distinct(
      config.replicas.locationLabels, store.info, infos(of: region, without: peer))
  }

  /// Whether a replica on the store would break the isolation level.
  func breaksIsolation(_ store: StoreRecord, _ region: Region, without peer: PeerInfo?) -> Bool {
    !config.replicas.isolationLevel.isEmpty
      && LocationScore.sharesLocation(
        config.replicas.locationLabels, level: config.replicas.isolationLevel, store.info,
        infos(of: region, without: peer))
  }

  /// How far the store is from those stores by labels.
  func isolation(ofStore id: UInt64, others: [UInt64]) -> Double {
    guard !config.replicas.locationLabels.isEmpty, let store = stores[id] else { return 0 }
    return LocationScore.distinct(
      config.replicas.locationLabels, store.info, others.compactMap { stores[$0]?.info })
  }

  /// Whether a replica on the store would break the isolation level, with the others on those stores.
  func breaksIsolation(_ store: StoreRecord, others: [UInt64]) -> Bool {
    !config.replicas.isolationLevel.isEmpty
      && LocationScore.sharesLocation(
        config.replicas.locationLabels, level: config.replicas.isolationLevel, store.info,
        others.compactMap { stores[$0]?.info })
  }

  private func infos(of region: Region, without peer: PeerInfo?) -> [StoreInfo] {
    region.peers.compactMap { $0.id == peer?.id ? nil : stores[$0.storeID]?.info }
  }

  // MARK: Targets

  /// The best store for one more replica of the region: with capacity, far from the other replicas, with a low load,
  /// low id.
  ///
  /// - Parameter peer: the peer that will be removed afterwards; its location does not count.
  func target(for record: RegionRecord, replacing peer: PeerInfo? = nil) -> StoreRecord? {
    let region = record.region
    var best: (rank: (Int, Double, Double, UInt64), store: StoreRecord)?
    for store in stores.records {
      guard region.peer(onStore: store.id) == nil, mayReceive(store, record.approximateSize),
        !breaksIsolation(store, region, without: peer)
      else { continue }
      let rank = (
        isLow(store) ? 1 : 0, -isolation(ofStore: store.id, in: region, without: peer),
        score(store).score(), store.id
      )
      if best.map({ rank < $0.rank }) ?? true { best = (rank, store) }
    }
    return best?.store
  }

  /// Whether a replica of that many bytes may be moved to the store now.
  func mayReceive(_ store: StoreRecord, _ bytes: UInt64) -> Bool {
    guard store.isUsable(at: now, config), store.heartbeat?.isBusy != true, !isFull(store) else {
      return false
    }
    let snapshots = store.heartbeat.map {
      max($0.sendingSnapshots, $0.receivingSnapshots &+ $0.applyingSnapshots)
    }
    return (snapshots ?? 0) <= UInt64(clamping: config.maxSnapshotCount)
      && regions.load(ofStore: store.id).pendingPeers <= config.maxPendingPeerCount
      && allows(.addPeer, store, bytes)
  }

  /// Whether the store's limit allows one more peer of that many bytes to be added or removed now.
  func allows(_ direction: StoreLimits.Direction, _ store: StoreRecord, _ bytes: UInt64) -> Bool {
    limits.allows(
      cost(direction, store, bytes), store.id, direction, rate: store.limit(direction, config),
      at: now)
  }

  /// What a peer of that many bytes takes from the store's limit. Removing a peer from a lost store costs little: the
  /// store does nothing for it.
  func cost(
    _ direction: StoreLimits.Direction, _ store: StoreRecord, _ bytes: UInt64
  ) -> Double {
    let cost = StoreLimits.cost(bytes)
    return direction == .removePeer && store.isLost(at: now, config)
      ? min(cost, StoreLimits.cost(2 << 20)) : cost
  }

  /// The voter that should lead when the present leader must not: one that follows well, on the
  /// store that leads least.
  func successor(_ record: RegionRecord) -> PeerInfo? {
    let candidates = record.region.peers.filter { peer in
      peer.role == .voter && peer.id != record.leader?.id && !record.isPending(peer)
        && !record.isDown(peer) && isUsable(peer.storeID)
    }
    return candidates.min { leaderRank($0.storeID) < leaderRank($1.storeID) }
  }

  /// How well a store is placed to lead one more region: the lower the better.
  func leaderRank(_ storeID: UInt64) -> (Int, Int, Int, UInt64) {
    (
      isUsable(storeID) ? 0 : 1, evicting.contains(storeID) ? 1 : 0, plannedLeaders(storeID),
      storeID
    )
  }

  private func isFull(_ store: StoreRecord) -> Bool {
    guard let stats = store.heartbeat else { return false }
    return stats.capacity > 0 && stats.available == 0
  }

  /// Little of its space is left.
  func isLow(_ store: StoreRecord) -> Bool {
    guard let stats = store.heartbeat else { return false }
    return Double(stats.available) < Double(stats.capacity) * (1 - config.lowSpaceRatio)
  }
}
