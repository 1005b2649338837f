import Codec
import Runtime
package import Wire

extension PDCore {
  /// Regions one request may be split into.
  static let maxSplitCount: UInt32 = 4096
  /// Ids one request may be given: enough for as many regions of 15 peers.
  static let maxSplitIDs: UInt64 = 65_536

  // MARK: Asking

  /// `AskSplit`: ids for one new region and its peers.
  package func askSplit(
    _ request: Pdpb_AskSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AskSplitResponse {
    try answer(request) { (response) throws(PDError) in
      let region = try requireCurrent(request.hasRegion ? request.region : nil)
      let split = try splitID(region)
      response.newRegionID = split.newRegionID
      response.newPeerIds = split.newPeerIds
    }
  }

  /// `AskBatchSplit`: ids for `split_count` new regions and their peers; the store splits by itself
  /// with them.
  package func askBatchSplit(
    _ request: Pdpb_AskBatchSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AskBatchSplitResponse {
    try answer(request) { (response) throws(PDError) in
      let region = try requireCurrent(request.hasRegion ? request.region : nil)
      guard (1...Self.maxSplitCount).contains(request.splitCount) else {
        throw PDError(
          header: .invalidValue,
          "split_count must be 1 to \(Self.maxSplitCount), not \(request.splitCount)")
      }
      // Bounded by what is given out in all: the asker says how many peers there are.
      let count = UInt64(request.splitCount) * UInt64(region.peers.count + 1)
      guard count <= Self.maxSplitIDs else {
        throw PDError(
          header: .invalidValue,
          "\(request.splitCount) regions of \(region.peers.count) peers need \(count) ids, more "
            + "than \(Self.maxSplitIDs)")
      }
      for _ in 0..<request.splitCount { response.ids.append(try splitID(region)) }
    }
  }

  private func splitID(_ region: Region) throws(PDError) -> Pdpb_SplitID {
    var split = Pdpb_SplitID()
    split.newRegionID = try ids.take(1, &storage)
    for _ in region.peers { split.newPeerIds.append(try ids.take(1, &storage)) }
    return split
  }

  /// The asked region as it is known, if the one who asks is not behind.
  private func requireCurrent(_ message: Metapb_Region?) throws(PDError) -> Region {
    guard let message, message.hasRegionEpoch else {
      throw PDError(header: .unknown, "missing region for split")
    }
    guard let known = regions.record(id: message.id)?.region else {
      throw PDError(header: .regionNotFound, "region \(message.id) not found")
    }
    let epoch = RegionEpoch(message.regionEpoch)
    guard !epoch.isStale(comparedTo: known.epoch) else {
      throw PDError(
        header: .unknown, "invalid region epoch, request: \(epoch), current: \(known.epoch)")
    }
    // The asker may know of peers the driver has not heard of yet.
    return try checked(message)
  }

  // MARK: Reporting

  /// `ReportSplit`: takes in both halves, if they are newer than what PD knows.
  package func reportSplit(
    _ request: Pdpb_ReportSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportSplitResponse {
    try answer(request) { (_) throws(PDError) in
      guard request.hasLeft, request.hasRight else {
        throw PDError(header: .unknown, "invalid split report: missing region")
      }
      try takeSplit([request.left, request.right])
    }
  }

  /// `ReportBatchSplit`: takes in all pieces, if they are newer than what PD knows.
  package func reportBatchSplit(
    _ request: Pdpb_ReportBatchSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportBatchSplitResponse {
    try answer(request) { (_) throws(PDError) in try takeSplit(request.regions) }
  }

  /// Keeps the parts at once, so that clients find them before the first heartbeats come.
  private func takeSplit(_ messages: [Metapb_Region]) throws(PDError) {
    guard messages.count >= 2 else {
      throw PDError(header: .unknown, "invalid split report: fewer than two regions")
    }
    var parts: [Region] = []
    for message in messages {
      guard message.id != 0, message.hasRegionEpoch else {
        throw PDError(header: .unknown, "invalid split report: a region has no id or epoch")
      }
      let part = try checked(message)
      try requireAllocated(part)
      if let left = parts.last, left.endKey.isEmpty || left.endKey != part.startKey {
        throw PDError(
          header: .unknown, "invalid split report: \(left) and \(part) are not neighbours")
      }
      parts.append(part)
    }
    // All records first: what one part drives out may be the parent of the next.
    let records = parts.map(splitRecord)
    for record in records {
      // A heartbeat that came before the report knows more: it stays.
      if regions.record(id: record.id)?.region.epoch == record.region.epoch { continue }
      guard regions.conflicts(with: record.region, term: 0).isEmpty else { continue }
      try store(record)
    }
  }

  /// A part's first record: the parent's leader store is about to lead it too. Until its leader confirms
  /// it, the report is all there is.
  private func splitRecord(_ part: Region) -> RegionRecord {
    let known = regions.record(id: part.id)
    let parent = known ?? regions.record(containing: part.startKey)
    var record = RegionRecord(part)
    record.leader = parent?.leader.flatMap { part.peer(onStore: $0.storeID) }
    record.term = known?.term ?? 0
    return record
  }
}
