import Codec
import Runtime

/// The input of checkers and balancers: the cluster at one time.
struct SchedulingView {
  let regions: RegionTree
  let stores: StoreTable
  let operators: OperatorTable
  let config: PDConfig
  let maxReplicas: Int
  let now: Instant

  func isUsable(_ storeID: UInt64) -> Bool {
    stores[storeID]?.isUsable(at: now, config) ?? false
  }

  func isLost(_ storeID: UInt64) -> Bool {
    stores[storeID]?.isLost(at: now, config) ?? false
  }

  /// Peers that the store will have when all running operators are finished.
  func plannedPeers(_ storeID: UInt64) -> Int {
    regions.load(ofStore: storeID).peers + operators.peerShift(ofStore: storeID)
  }

  /// The same of leaders.
  func plannedLeaders(_ storeID: UInt64) -> Int {
    regions.load(ofStore: storeID).leaders + operators.leaderShift(ofStore: storeID)
  }

  /// The best store for one more replica of the region: with capacity, few peers, low id.
  func target(for region: Region) -> StoreRecord? {
    let candidates = stores.records.filter { store in
      store.isUsable(at: now, config) && store.heartbeat?.isBusy != true
        && region.peer(onStore: store.id) == nil && !isFull(store)
    }
    return candidates.min { left, right in
      let leftRank = (isLow(left) ? 1 : 0, plannedPeers(left.id), left.id)
      return leftRank < (isLow(right) ? 1 : 0, plannedPeers(right.id), right.id)
    }
  }

  /// The voter that should lead when the present leader must not: one that follows well, on the
  /// store that leads least.
  func successor(_ record: RegionRecord) -> PeerInfo? {
    let candidates = record.region.peers.filter { peer in
      peer.role == .voter && peer.id != record.leader?.id && !record.isPending(peer)
        && !record.isDown(peer) && isUsable(peer.storeID)
    }
    return candidates.min { left, right in
      (plannedLeaders(left.storeID), left.storeID) < (plannedLeaders(right.storeID), right.storeID)
    }
  }

  private func isFull(_ store: StoreRecord) -> Bool {
    guard let stats = store.heartbeat else { return false }
    return stats.capacity > 0 && stats.available == 0
  }

  /// Less than a fifth of its space is left.
  private func isLow(_ store: StoreRecord) -> Bool {
    guard let stats = store.heartbeat else { return false }
    return stats.available < stats.capacity / 5
  }
}
