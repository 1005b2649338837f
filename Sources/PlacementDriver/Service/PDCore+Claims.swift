import Codec
import Runtime

// Checks of reports that are well-formed: they may be forged, damaged or old.
extension PDCore {
  /// Regions that a notice names at most.
  private static let maxNamed = 8

  /// Refuses ids that were never allocated: if they were accepted, the allocator would return them later.
  func requireAllocated(_ region: Region) throws(PDError) {
    try requireAllocated("region", region.id)
    for peer in region.peers {
      try requireAllocated("peer", peer.id)
      try requireAllocated("store", peer.storeID)
    }
  }

  func requireAllocated(_ what: String, _ id: UInt64) throws(PDError) {
    guard ids.isAllocated(id) else {
      throw PDError(refusal: .unknown, "invalid \(what) id \(id): it was never allocated")
    }
  }

  /// Refuses a heartbeat that is older than what is known, unless its leader has repeated it for so long, while no
  /// leader confirmed what is known, that the latter must be wrong.
  func refuseStale(_ record: RegionRecord, _ reading: ClockReading) throws(PDError) {
    let known = regions.conflicts(with: record.region, term: record.term)
    guard let first = known.first, let leader = record.leader else { return }
    let isAlive = stores[leader.storeID]?.isHeard(at: reading.now, config) ?? false
    switch staleHeartbeats.check(record, against: known, isAlive: isAlive, at: reading.now) {
    case .accepted(let duration):
      notices.append(
        .replacedUnconfirmed(
          known.prefix(Self.maxNamed).map(\.region), by: record.region, leader: leader,
          after: duration))
    case .refused(let isLogged):
      let reason =
        first.id == record.id
        ? "region is stale: \(record.region) in term \(record.term), known \(first.region) in term "
          + "\(first.term)"
        : "region is stale: \(record.region), overlapped by \(first.region)"
      if isLogged {
        notices.append(.refusedStaleHeartbeat(regionID: record.id, reason: reason))
      }
      throw PDError(refusal: .unknown, reason)
    }
  }
}
