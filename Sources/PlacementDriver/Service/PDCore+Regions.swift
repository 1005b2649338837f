import Codec
package import Wire

extension PDCore {
  // MARK: One region

  /// `GetRegion`: the region that holds a key, with its leader and the peers reported down and
  /// pending.
  package func getRegion(
    _ request: Pdpb_GetRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try answer(request) { (response) in
      fill(&response, regions.record(containing: [UInt8](request.regionKey)), reading)
    }
  }

  /// The region before the one that holds the key.
  package func getPrevRegion(
    _ request: Pdpb_GetRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try answer(request) { (response) in
      fill(&response, regions.record(beforeThatOf: [UInt8](request.regionKey)), reading)
    }
  }

  /// `GetRegionByID`: the region of an id; empty when PD knows none.
  package func getRegionByID(
    _ request: Pdpb_GetRegionByIDRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try answer(request) { (response) throws(PDError) in
      guard request.regionID != 0 else {
        throw PDError(header: .unknown, "invalid region id 0")
      }
      fill(&response, regions.record(id: request.regionID), reading)
    }
  }

  /// A region that is not known is a response without a region.
  private func fill(
    _ response: inout Pdpb_GetRegionResponse, _ record: RegionRecord?, _ reading: ClockReading
  ) {
    guard let record else { return }
    response.region = record.region.wire
    if let leader = record.knownLeader { response.leader = leader.wire }
    response.downPeers = record.downPeers.map(\.wire)
    response.pendingPeers = record.pendingPeers.map(\.wire)
  }

  // MARK: Many regions

  /// Regions in key order from the one that holds `start_key`; gaps are passed over.
  package func scanRegions(
    _ request: Pdpb_ScanRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ScanRegionsResponse {
    try answer(request) { (response) throws(PDError) in
      let range = KeyRange(start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      var budget = RegionReplyBudget(config.limits, copies: 2)
      let found = regions.records(
        in: range, limit: min(limit(request.limit), budget.tooMany))
      try budget.take(found)
      response.regions = found.map(wire)
      // The same again in the two lists that old clients read; a missing leader is an empty peer.
      response.regionMetas = found.map(\.region.wire)
      response.leaders = found.map { $0.knownLeader?.wire ?? Metapb_Peer() }
    }
  }

  /// `BatchScanRegions`: regions of several ascending ranges, each region once, up to the limit.
  package func batchScanRegions(
    _ request: Pdpb_BatchScanRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_BatchScanRegionsResponse {
    try answer(request) { (response) throws(PDError) in
      let ranges = request.ranges.map { KeyRange($0) }
      try check(ranges)
      var found: [RegionRecord] = []
      var budget = RegionReplyBudget(config.limits)
      let limit = min(limit(request.limit), budget.tooMany)
      for range in ranges where found.count < limit {
        // One more than needed: the first may be the last of the range before.
        let more = min(limit - found.count, .max - 1) + 1
        var next = regions.records(in: range, limit: more)
        let isCut = next.count == more
        if request.containAllKeyRange, !covers(next, range, isCut) {
          throw PDError(
            header: .regionsNotContainAllKeyRange, "regions do not cover \(range) without gaps")
        }
        if let last = found.last, next.first?.id == last.id { next.removeFirst() }
        found += next.prefix(limit - found.count)
      }
      try budget.take(found)
      response.regions = found.map(wire)
    }
  }

  private func check(_ ranges: [KeyRange]) throws(PDError) {
    for (index, range) in ranges.enumerated() {
      guard range.end.isEmpty || !precedes(range.end, range.start) else {
        throw PDError(
          header: .unknown, "invalid key range \(range), start key is after end key")
      }
      guard index > 0 else { continue }
      let previous = ranges[index - 1]
      guard !previous.end.isEmpty, !precedes(range.start, previous.end) else {
        throw PDError(
          header: .unknown, "invalid key ranges, \(previous) and \(range) overlap or are unordered")
      }
    }
  }

  /// Whether the regions leave no key of the range out, up to where a limit cut them off.
  private func covers(_ found: [RegionRecord], _ range: KeyRange, _ isCut: Bool) -> Bool {
    guard let first = found.first, let last = found.last else { return false }
    guard !precedes(range.start, first.region.startKey) else { return false }
    for (left, right) in zip(found, found.dropFirst())
    where left.region.endKey != right.region.startKey { return false }
    if isCut || last.region.endKey.isEmpty { return true }
    return !range.end.isEmpty && !precedes(last.region.endKey, range.end)
  }

  /// One message of a `QueryRegion` stream: its lists run parallel to those of the request.
  package func queryRegion(
    _ request: Pdpb_QueryRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_QueryRegionResponse {
    try answer(request) { (response) throws(PDError) in
      let asked = request.keys.count + request.prevKeys.count + request.ids.count
      guard asked <= config.limits.queries else {
        throw PDError(
          header: .invalidValue,
          "\(asked) keys and ids at once, more than \(config.limits.queries)")
      }
      var budget = RegionReplyBudget(config.limits)
      var found: [UInt64: Pdpb_RegionResponse] = [:]
      func note(_ record: RegionRecord?) throws(PDError) -> UInt64 {
        guard let record else { return 0 }
        if found[record.id] == nil {
          try budget.take(record)
          found[record.id] = queryWire(record)
        }
        return record.id
      }
      for key in request.keys {
        response.keyIDMap.append(try note(regions.record(containing: [UInt8](key))))
      }
      for key in request.prevKeys {
        response.prevKeyIDMap.append(try note(regions.record(beforeThatOf: [UInt8](key))))
      }
      for id in request.ids { _ = try note(regions.record(id: id)) }
      response.regionsByID = found
    }
  }

  // MARK: Operators

  /// Regions one request may name.
  static let maxScattered = 65_536

  /// Regions are spread by the balancers in any case; there is nothing to wait for.
  package func scatterRegion(
    _ request: Pdpb_ScatterRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ScatterRegionResponse {
    try answer(request) { (response) throws(PDError) in
      if request.regionsID.isEmpty {
        let id = request.hasRegion ? request.region.id : request.regionID
        guard regions.record(id: id) != nil else {
          throw PDError(header: .regionNotFound, "region \(id) not found")
        }
      }
      guard request.regionsID.count <= Self.maxScattered else {
        throw PDError(
          header: .invalidValue,
          "\(request.regionsID.count) regions at once, more than \(Self.maxScattered)")
      }
      let missing = request.regionsID.filter { regions.record(id: $0) == nil }
      let all = max(1, request.regionsID.count)
      response.failedRegionsID = missing
      response.finishedPercentage = UInt64(100 * (all - missing.count) / all)
    }
  }

  /// The operator under way, or how the last one ended.
  package func getOperator(
    _ request: Pdpb_GetOperatorRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetOperatorResponse {
    try answer(request) { (response) throws(PDError) in
      response.regionID = request.regionID
      if let running = operators[request.regionID] {
        response.desc = Array(running.description.utf8).data
        response.kind = Array(running.kind.name.utf8).data
        response.status = .running
      } else if let ended = operators.ended(request.regionID) {
        response.desc = Array(ended.description.utf8).data
        response.kind = Array(ended.kind.name.utf8).data
        response.status = Pdpb_OperatorStatus(rawValue: ended.status.rawValue) ?? .cancel
      } else {
        throw PDError(
          header: .regionNotFound, "no operator on region \(request.regionID)")
      }
    }
  }

  /// Key statistics inside regions are not used.
  package func reportBuckets(
    _ request: Pdpb_ReportBucketsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportBucketsResponse {
    try answer(request) { (_) in }
  }

  // MARK: Forms

  private func limit(_ asked: Int32) -> Int { asked <= 0 ? .max : Int(asked) }

  private func wire(_ record: RegionRecord) -> Pdpb_Region {
    var wire = Pdpb_Region()
    wire.region = record.region.wire
    if let leader = record.knownLeader { wire.leader = leader.wire }
    wire.downPeers = record.downPeers.map(\.wire)
    wire.pendingPeers = record.pendingPeers.map(\.wire)
    return wire
  }

  private func queryWire(_ record: RegionRecord) -> Pdpb_RegionResponse {
    var wire = Pdpb_RegionResponse()
    wire.region = record.region.wire
    if let leader = record.knownLeader { wire.leader = leader.wire }
    wire.downPeers = record.downPeers.map(\.wire)
    wire.pendingPeers = record.pendingPeers.map(\.wire)
    return wire
  }
}

extension DownPeer {
  var wire: Pdpb_PeerStats {
    var wire = Pdpb_PeerStats()
    wire.peer = peer.wire
    wire.downSeconds = seconds
    return wire
  }
}
