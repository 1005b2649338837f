import Codec
import Runtime

// What `pdpb` has no call for: people and their tools.
extension PlacementDriver {
  // MARK: Taking stores out

  /// Makes a store leave: its replicas are made anew elsewhere, then it becomes a tombstone.
  ///
  /// - Parameter isDestroyed: the machine or its disk is lost and the store will not come back;
  ///   allowed also when too few stores remain for all replicas.
  package func removeStore(
    _ id: UInt64, isDestroyed: Bool, _ moment: Moment
  ) throws(PlacementError) {
    var record = try existing(id)
    guard record.info.state != .tombstone else {
      throw PlacementError(.failedPrecondition, "store \(id) has been removed already")
    }
    if record.info.state == .up && !isDestroyed {
      let others = stores.records.filter { $0.id != id && $0.info.state == .up }.count
      guard others >= maxReplicas else {
        throw PlacementError(
          .failedPrecondition,
          "cannot remove store \(id): \(others) stores would be left for \(maxReplicas) replicas; "
            + "add a store first, or say that this one is physically destroyed")
      }
    }
    guard record.info.state == .up || isDestroyed && !record.info.physicallyDestroyed else {
      return
    }
    record.info.state = .offline
    record.info.nodeState = .removing
    record.info.physicallyDestroyed = record.info.physicallyDestroyed || isDestroyed
    try save(record)
  }

  /// Lets a store that was told to leave stay.
  package func keepStore(_ id: UInt64, _ moment: Moment) throws(PlacementError) {
    var record = try existing(id)
    guard record.info.state == .offline, !record.info.physicallyDestroyed else {
      if record.info.state == .up { return }
      throw PlacementError(
        .failedPrecondition, "store \(id) is gone for good; start it anew with an empty directory")
    }
    record.info.state = .up
    record.info.nodeState = .serving
    try save(record)
  }

  /// Makes a store a tombstone at once, whatever it still holds. A living store must leave first.
  package func buryStore(_ id: UInt64, _ moment: Moment) throws(PlacementError) {
    let record = try existing(id)
    guard !record.isUsable(at: moment.now, config) || record.info.state != .up else {
      throw PlacementError(
        .failedPrecondition, "store \(id) is alive: remove it, do not bury it")
    }
    try bury(record)
  }

  /// Stores that were told to leave and hold nothing any more.
  func buryEmptied() throws(PlacementError) {
    for record in stores.records
    where record.info.state == .offline && regions.load(ofStore: record.id).peers == 0 {
      try bury(record)
    }
  }

  private func bury(_ record: StoreRecord) throws(PlacementError) {
    var record = record
    record.info.state = .tombstone
    record.info.nodeState = .removed
    record.claim = nil
    try save(record)
  }

  private func existing(_ id: UInt64) throws(PlacementError) -> StoreRecord {
    guard let record = stores[id] else {
      throw PlacementError(.notFound, "invalid store ID \(id), not found")
    }
    return record
  }

  // MARK: Looking

  /// Every store ever registered, ascending by id.
  package func storeSummaries(_ moment: Moment) -> [StoreSummary] {
    stores.records.map { record in
      let load = regions.load(ofStore: record.id)
      return StoreSummary(
        info: record.info, status: status(of: record, moment.now), leaderCount: load.leaders,
        peerCount: load.peers, pendingPeerCount: load.pendingPeers, regionSize: load.size,
        leaderSize: load.leaderSize, capacity: record.stats?.capacity ?? 0,
        available: record.stats?.available ?? 0, used: record.stats?.usedSize ?? 0,
        isBusy: record.stats?.isBusy ?? false, silence: record.silence(at: moment.now),
        claimedStoreID: record.claim?.storeID)
    }
  }

  private func status(of record: StoreRecord, _ now: Instant) -> StoreStatus {
    switch record.info.state {
    case .tombstone: return .tombstone
    case .offline: return .offline
    case .up:
      if record.isGone(at: now, config) { return .down }
      let isConnected =
        record.isHeard && !record.isCutOff && record.silence(at: now) <= config.disconnectTime
      return isConnected ? .up : .disconnected
    }
  }

  /// The cluster in figures; looks at every region.
  package func clusterSummary(_ moment: Moment) -> ClusterSummary {
    var summary = ClusterSummary(
      clusterID: clusterID, isBootstrapped: isBootstrapped, maxReplicas: maxReplicas,
      regionCount: regions.count, ledRegionCount: regions.ledCount, storeCounts: [:],
      storageSize: 0, storageCapacity: 0, operatorCount: operators.running.count)
    for record in stores.records {
      summary.storeCounts[status(of: record, moment.now), default: 0] += 1
      guard record.info.state != .tombstone, let stats = record.stats else { continue }
      summary.storageSize &+= stats.usedSize
      summary.storageCapacity &+= stats.capacity
    }
    for record in regions.all { count(record, moment.now, &summary) }
    return summary
  }

  private func count(_ record: RegionRecord, _ now: Instant, _ summary: inout ClusterSummary) {
    let voters = record.region.peers.filter { !$0.isLearner }.count
    if voters < maxReplicas { summary.missingPeerRegions += 1 }
    if voters > maxReplicas { summary.extraPeerRegions += 1 }
    if voters < record.region.peers.count { summary.learnerPeerRegions += 1 }
    if !record.downPeers.isEmpty { summary.downPeerRegions += 1 }
    if !record.pendingPeers.isEmpty { summary.pendingPeerRegions += 1 }
    if record.heartbeatAt != nil && record.approximateKeys == 0 { summary.emptyRegions += 1 }
    if record.region.peers.contains(where: { stores[$0.storeID]?.info.state == .offline }) {
      summary.offlinePeerRegions += 1
    }
  }

  /// The operators under way, oldest first.
  package func operatorSummaries(_ moment: Moment) -> [OperatorSummary] {
    operators.running.values.map {
      OperatorSummary(
        regionID: $0.regionID, kind: $0.kind.name, description: $0.description,
        age: moment.now - $0.createdAt)
    }
  }
}
