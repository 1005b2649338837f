package import Codec
import Engine
import Runtime

extension PDCore {
  /// Takes in what a leader reports of its region, and returns the operator step it must carry out now, if there
  /// is one. An error that is a refusal concerns this report only.
  package func regionHeartbeat(
    _ heartbeat: RegionHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RegionOperator? {
    do {
      try requireBootstrapped()
      let record = try record(of: heartbeat, reading)
      try refuseStale(record, reading)
      try save(record)
      stores.update(heartbeat.leader.storeID) { $0.recordHeartbeat(at: reading) }
      statistics.heartbeats += 1
      return try schedule(record.id, reading.now)
    } catch {
      if error.refusal != nil { statistics.refusedHeartbeats += 1 }
      throw error
    }
  }

  /// Counts a report that was refused before it reached `regionHeartbeat`.
  package func countMalformedHeartbeat() { statistics.refusedHeartbeats += 1 }

  // MARK: Taking in

  /// The report as a record, if it makes sense.
  private func record(
    of heartbeat: RegionHeartbeat, _ reading: ClockReading
  ) throws(PDError) -> RegionRecord {
    let (region, leader) = (heartbeat.region, heartbeat.leader)
    guard region.id != 0 else {
      throw PDError(refusal: .unknown, "invalid region heartbeat: missing region")
    }
    guard leader.id != 0 else {
      throw PDError(
        refusal: .unknown, "invalid region heartbeat: region \(region.id) has no leader")
    }
    try check(region)
    guard region.peer(id: leader.id)?.storeID == leader.storeID else {
      throw PDError(
        refusal: .unknown, "invalid region heartbeat: the leader is not a peer of \(region)")
    }
    guard let store = stores[leader.storeID] else {
      throw PDError(
        refusal: .unknown, "invalid store ID \(leader.storeID), not found")
    }
    try refuseTombstone(store)
    try requireAllocated(region)

    var record = RegionRecord(region)
    record.leader = region.peer(id: leader.id)
    record.term = heartbeat.term
    record.approximateSize = heartbeat.approximateSize
    record.approximateKeys = heartbeat.approximateKeys
    record.confirmedAt = reading.now
    // A peer named twice counts once: the lists are as short as the region's own.
    for peer in heartbeat.pendingPeers {
      guard let known = region.peer(id: peer.id), !record.isPending(known) else { continue }
      record.pendingPeers.append(known)
    }
    for down in heartbeat.downPeers {
      guard let known = region.peer(id: down.peer.id), !record.isDown(known) else { continue }
      record.downPeers.append(DownPeer(peer: known, seconds: down.seconds))
    }
    let before = regions.record(id: region.id)?.laggingSince ?? [:]
    for peer in record.pendingPeers + record.downPeers.map(\.peer) {
      record.laggingSince[peer.id] = before[peer.id] ?? reading.now
    }
    return record
  }

  /// Keeps a record in memory and, when the region itself changed, on disk.
  func save(_ record: RegionRecord) throws(PDError) {
    let isNew = regions.record(id: record.id)?.region != record.region
    let removed = regions.put(record)
    guard isNew || !removed.isEmpty else { return }
    var batch = WriteBatch()
    for id in removed { batch.delete(.raft, PDKeys.region(id)) }
    batch.put(.raft, PDKeys.region(record.id), record.region.encoded())
    // A heartbeat brings the region again if a crash loses it, so the write is not synced.
    try storage.write(batch, synced: false)
  }
}
