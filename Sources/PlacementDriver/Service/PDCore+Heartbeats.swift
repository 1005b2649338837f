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
      var record = try record(of: heartbeat, reading)
      try refuseStale(record, reading)
      meter(heartbeat, &record, reading)
      endOperators(of: try save(record), replacedBy: record, reading.now)
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
    let before = regions.record(id: region.id)
    for peer in record.pendingPeers + record.downPeers.map(\.peer) {
      record.laggingSince[peer.id] = before?.laggingSince[peer.id] ?? reading.now
    }
    (record.read, record.written) = (before?.read ?? FlowMeter(), before?.written ?? FlowMeter())
    return record
  }

  /// Takes in what was read from and written to the region since its leader's last report.
  private func meter(
    _ heartbeat: RegionHeartbeat, _ record: inout RegionRecord, _ reading: ClockReading
  ) {
    let interval = config.hotRegions.interval
    let read = RegionFlow(bytes: heartbeat.bytesRead, keys: heartbeat.keysRead)
    if record.read.add(read, at: reading.now, interval: interval) {
      hotRegions.read.record(
        record.id, record.read.rate, ledFrom: heartbeat.leader.storeID, at: reading.now)
    }
    let written = RegionFlow(bytes: heartbeat.bytesWritten, keys: heartbeat.keysWritten)
    if record.written.add(written, at: reading.now, interval: interval) {
      hotRegions.write.record(
        record.id, record.written.rate, ledFrom: heartbeat.leader.storeID, at: reading.now)
    }
  }

  /// Keeps a record in memory and, when the region itself changed, on disk. Returns the ids of the regions that it
  /// has driven out.
  @discardableResult
  func save(_ record: RegionRecord) throws(PDError) -> [UInt64] {
    let isNew = regions.record(id: record.id)?.region != record.region
    let removed = regions.put(record)
    guard isNew || !removed.isEmpty else { return removed }
    var batch = WriteBatch()
    for id in removed { batch.delete(.raft, PDKeys.region(id)) }
    batch.put(.raft, PDKeys.region(record.id), record.region.encoded())
    // A heartbeat brings the region again if a crash loses it, so the write is not synced.
    try storage.write(batch, synced: false)
    return removed
  }
}
