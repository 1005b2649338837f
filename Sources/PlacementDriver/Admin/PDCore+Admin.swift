import Codec
import Runtime

// Calls of administrators and their tools, for which `pdpb` has no methods.
extension PDCore {
  // MARK: Removing stores

  /// Removes a store: its replicas are recreated elsewhere, then it becomes a tombstone.
  ///
  /// - Parameter isDestroyed: the machine or its disk is lost and the store will not come back;
  ///   allowed also when too few stores remain for all replicas.
  package func removeStore(
    _ id: UInt64, isDestroyed: Bool, _ reading: ClockReading
  ) throws(PDError) {
    var record = try existing(id)
    guard record.info.state != .tombstone else {
      throw PDError(.failedPrecondition, "store \(id) has been removed already")
    }
    if record.info.state == .up && !isDestroyed {
      let others = stores.records.filter { $0.id != id && $0.info.state == .up }.count
      guard others >= maxReplicas else {
        throw PDError(
          .failedPrecondition,
          "cannot remove store \(id): \(others) stores would be left for \(maxReplicas) replicas; "
            + "add a store first, or mark this one physically destroyed")
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

  /// Cancels the removal of a store.
  package func keepStore(_ id: UInt64, _ reading: ClockReading) throws(PDError) {
    var record = try existing(id)
    guard record.info.state == .offline, !record.info.physicallyDestroyed else {
      if record.info.state == .up { return }
      throw PDError(
        .failedPrecondition, "store \(id) is a tombstone; start it with an empty data directory")
    }
    record.info.state = .up
    record.info.nodeState = .serving
    try save(record)
  }

  /// Makes a store a tombstone at once, whatever it still holds. A store that is up must be removed first.
  package func writeTombstone(_ id: UInt64, _ reading: ClockReading) throws(PDError) {
    let record = try existing(id)
    guard !record.isUsable(at: reading.now, config) || record.info.state != .up else {
      throw PDError(
        .failedPrecondition,
        "store \(id) is up: remove it instead of marking it physically destroyed")
    }
    try makeTombstone(record)
  }

  /// Makes tombstones of the stores that are being removed, hold no replica any more and get none.
  func makeEmptiedTombstones() throws(PDError) {
    for record in stores.records
    where record.info.state == .offline && regions.load(ofStore: record.id).peers == 0
      && !operators.running.values.contains(where: { $0.incomingStores.contains(record.id) })
    {
      try makeTombstone(record)
    }
  }

  private func makeTombstone(_ record: StoreRecord) throws(PDError) {
    var record = record
    record.info.state = .tombstone
    record.info.nodeState = .removed
    record.claim = nil
    try save(record)
  }

  func existing(_ id: UInt64) throws(PDError) -> StoreRecord {
    guard let record = stores[id] else {
      throw PDError(.notFound, "invalid store ID \(id), not found")
    }
    return record
  }

  // MARK: Views

  /// Every store ever registered, ascending by id.
  package func storeSummaries(_ reading: ClockReading) -> [StoreSummary] {
    let view = view(at: reading.now)
    return stores.records.map { record in
      let load = regions.load(ofStore: record.id)
      return StoreSummary(
        info: record.info, status: status(of: record, reading.now), leaderCount: load.leaders,
        peerCount: load.peers, pendingPeerCount: load.pendingPeers, regionSize: load.size,
        leaderSize: load.leaderSize, capacity: record.heartbeat?.capacity ?? 0,
        available: record.heartbeat?.available ?? 0, used: record.heartbeat?.usedSize ?? 0,
        isBusy: record.heartbeat?.isBusy ?? false, leaderWeight: record.leaderWeight,
        regionWeight: record.regionWeight, regionScore: view.score(record).score(),
        addLimit: record.limit(.addPeer, config), removeLimit: record.limit(.removePeer, config),
        sendingSnapshots: record.heartbeat?.sendingSnapshots ?? 0,
        receivingSnapshots: record.heartbeat?.receivingSnapshots ?? 0,
        silence: record.silence(at: reading.now),
        claimedStoreID: record.claim?.storeID)
    }
  }

  private func status(of record: StoreRecord, _ now: Instant) -> StoreStatus {
    switch record.info.state {
    case .tombstone: return .tombstone
    case .offline: return .offline
    case .up:
      if record.isLost(at: now, config) { return .down }
      let isConnected =
        record.hasHeartbeat && !record.isCutOff && record.silence(at: now) <= config.disconnectTime
      return isConnected ? .up : .disconnected
    }
  }

  /// Counts over the whole cluster; reads every region.
  package func clusterSummary(_ reading: ClockReading) -> ClusterSummary {
    var summary = ClusterSummary(
      clusterID: clusterID, isBootstrapped: isBootstrapped, maxReplicas: maxReplicas,
      regionCount: regions.count, ledRegionCount: regions.ledCount, storeCounts: [:],
      storageSize: 0, storageCapacity: 0, operatorCount: operators.running.count)
    for record in stores.records {
      summary.storeCounts[status(of: record, reading.now), default: 0] += 1
      guard record.info.state != .tombstone, let stats = record.heartbeat else { continue }
      summary.storageSize &+= stats.usedSize
      summary.storageCapacity &+= stats.capacity
    }
    for record in regions.all { count(record, reading.now, &summary) }
    return summary
  }

  private func count(_ record: RegionRecord, _ now: Instant, _ summary: inout ClusterSummary) {
    let voters = record.region.peers.filter { !$0.isLearner }.count
    if voters < maxReplicas { summary.missingPeerRegions += 1 }
    if voters > maxReplicas { summary.extraPeerRegions += 1 }
    if voters < record.region.peers.count { summary.learnerPeerRegions += 1 }
    if !record.downPeers.isEmpty { summary.downPeerRegions += 1 }
    if !record.pendingPeers.isEmpty { summary.pendingPeerRegions += 1 }
    if record.confirmedAt != nil && record.approximateKeys == 0 { summary.emptyRegions += 1 }
    if record.region.peers.contains(where: { stores[$0.storeID]?.info.state == .offline }) {
      summary.offlinePeerRegions += 1
    }
  }
}
