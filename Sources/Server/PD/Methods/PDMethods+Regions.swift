import Codec
import PlacementDriver
import Runtime
import SwiftProtobuf
import Wire

extension PDMethods {
  // MARK: One region

  static func getRegion(
    _ core: PDCore, _ request: Pdpb_GetRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.fill(try core.region(containing: [UInt8](request.regionKey)))
    }
  }

  static func getPrevRegion(
    _ core: PDCore, _ request: Pdpb_GetRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.fill(try core.region(beforeThatOf: [UInt8](request.regionKey)))
    }
  }

  static func getRegionByID(
    _ core: PDCore, _ request: Pdpb_GetRegionByIDRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetRegionResponse {
    try respond(core, request) { (response) throws(PDError) in
      response.fill(try core.region(id: request.regionID))
    }
  }

  // MARK: Many regions

  static func scanRegions(
    _ core: PDCore, _ request: Pdpb_ScanRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ScanRegionsResponse {
    try respond(core, request) { (response) throws(PDError) in
      let range = KeyRange(start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      let found = try core.scanRegions(in: range, limit: request.limit, copies: 2)
      response.regions = found.map { Pdpb_Region($0) }
      // The same again in the two lists that old clients read; a missing leader is an empty peer.
      response.regionMetas = response.regions.map(\.region)
      response.leaders = found.map { $0.leader?.wire ?? Metapb_Peer() }
    }
  }

  static func batchScanRegions(
    _ core: PDCore, _ request: Pdpb_BatchScanRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_BatchScanRegionsResponse {
    try respond(core, request) { (response) throws(PDError) in
      let found = try core.scanRegions(
        in: request.ranges.map { KeyRange($0) }, limit: request.limit,
        mustCover: request.containAllKeyRange)
      response.regions = found.map { Pdpb_Region($0) }
    }
  }

  /// One message of a `QueryRegion` stream: its lists run parallel to those of the request.
  static func queryRegion(
    _ core: PDCore, _ request: Pdpb_QueryRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_QueryRegionResponse {
    try respond(core, request) { (response) throws(PDError) in
      let found = try core.queryRegions(
        keys: request.keys.map { [UInt8]($0) }, previousKeys: request.prevKeys.map { [UInt8]($0) },
        ids: request.ids)
      response.keyIDMap = found.keyIDs
      response.prevKeyIDMap = found.previousKeyIDs
      response.regionsByID = found.regions.mapValues { Pdpb_RegionResponse($0) }
    }
  }

  // MARK: Operators

  static func scatterRegion(
    _ core: PDCore, _ request: Pdpb_ScatterRegionRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ScatterRegionResponse {
    try respond(core, request) { (response) throws(PDError) in
      guard !request.regionsID.isEmpty else {
        try core.scatterRegion(
          request.hasRegion ? request.region.id : request.regionID, group: request.group, reading)
        response.finishedPercentage = 100
        return
      }
      let missing = try core.scatterRegions(
        request.regionsID, group: request.group, reading)
      let all = request.regionsID.count
      response.failedRegionsID = missing
      response.finishedPercentage = UInt64(100 * (all - missing.count) / all)
    }
  }

  static func getOperator(
    _ core: PDCore, _ request: Pdpb_GetOperatorRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_GetOperatorResponse {
    try respond(core, request) { (response) throws(PDError) in
      let report = try core.operatorReport(regionID: request.regionID)
      response.regionID = request.regionID
      response.desc = Array(report.description.utf8).data
      response.kind = Array(report.kind.utf8).data
      response.status = Pdpb_OperatorStatus(report.status)
    }
  }

  /// Key statistics inside regions, which are not used.
  static func reportBuckets(
    _ core: PDCore, _ request: Pdpb_ReportBucketsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportBucketsResponse {
    try respond(core, request) { (_) throws(PDError) in try core.requireBootstrapped() }
  }

  // MARK: Splits

  static func askSplit(
    _ core: PDCore, _ request: Pdpb_AskSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AskSplitResponse {
    try respond(core, request) { (response) throws(PDError) in
      let region = try splitRegion(request.hasRegion ? request.region : nil)
      let split = try core.askSplit(region, reading)
      response.newRegionID = split.regionID
      response.newPeerIds = split.peerIDs
    }
  }

  static func askBatchSplit(
    _ core: PDCore, _ request: Pdpb_AskBatchSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_AskBatchSplitResponse {
    try respond(core, request) { (response) throws(PDError) in
      let region = try splitRegion(request.hasRegion ? request.region : nil)
      let ids = try core.askBatchSplit(region, count: request.splitCount, reading)
      response.ids = ids.map { split in
        .with {
          $0.newRegionID = split.regionID
          $0.newPeerIds = split.peerIDs
        }
      }
    }
  }

  /// One look at how far a request to split is; what is left is begun.
  static func splitRegions(
    _ core: PDCore, _ request: Pdpb_SplitRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_SplitRegionsResponse {
    try respond(core, request) { (response) throws(PDError) in
      let progress = try core.splitRegions(
        at: distinct(request.splitKeys.map { [UInt8]($0) }), reading)
      response.finishedPercentage = progress.percentage
      response.regionsID = progress.regionIDs
    }
  }

  /// The same; once all regions are split they are scattered.
  static func splitAndScatterRegions(
    _ core: PDCore, _ request: Pdpb_SplitAndScatterRegionsRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_SplitAndScatterRegionsResponse {
    try respond(core, request) { (response) throws(PDError) in
      let progress = try core.splitRegions(
        at: distinct(request.splitKeys.map { [UInt8]($0) }), reading)
      response.splitFinishedPercentage = progress.percentage
      response.regionsID = progress.regionIDs
      guard progress.isDone else { return }
      _ = try core.scatterRegions(progress.regionIDs, group: request.group, reading)
      response.scatterFinishedPercentage = 100
    }
  }

  private static func distinct(_ keys: [[UInt8]]) -> [[UInt8]] {
    Set(keys).sorted { $0.lexicographicallyPrecedes($1) }
  }

  private static func splitRegion(_ region: Metapb_Region?) throws(PDError) -> Region {
    guard let region, region.hasRegionEpoch else {
      throw PDError(refusal: .unknown, "missing region for split")
    }
    return try plain(region)
  }

  static func reportSplit(
    _ core: PDCore, _ request: Pdpb_ReportSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportSplitResponse {
    try respond(core, request) { (_) throws(PDError) in
      guard request.hasLeft, request.hasRight else {
        throw PDError(refusal: .unknown, "invalid split report: missing region")
      }
      try core.reportSplit(try parts([request.left, request.right]))
    }
  }

  static func reportBatchSplit(
    _ core: PDCore, _ request: Pdpb_ReportBatchSplitRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_ReportBatchSplitResponse {
    try respond(core, request) { (_) throws(PDError) in
      try core.reportSplit(try parts(request.regions))
    }
  }

  private static func parts(_ regions: [Metapb_Region]) throws(PDError) -> [Region] {
    var parts: [Region] = []
    parts.reserveCapacity(regions.count)
    for region in regions {
      guard region.hasRegionEpoch else {
        throw PDError(
          refusal: .unknown, "invalid split report: a region has no id or epoch")
      }
      parts.append(try plain(region))
    }
    return parts
  }
}

// MARK: - Messages that carry a region

/// The fields in which three messages of PD carry a region.
private protocol RegionMessage: Message {
  var region: Metapb_Region { get set }
  var leader: Metapb_Peer { get set }
  var downPeers: [Pdpb_PeerStats] { get set }
  var pendingPeers: [Metapb_Peer] { get set }
}

extension Pdpb_GetRegionResponse: RegionMessage {}
extension Pdpb_Region: RegionMessage {}
extension Pdpb_RegionResponse: RegionMessage {}

extension RegionMessage {
  fileprivate init(_ summary: RegionSummary) {
    self.init()
    fill(summary)
  }

  /// A region that PD does not know is a response without a region.
  fileprivate mutating func fill(_ summary: RegionSummary?) {
    guard let summary else { return }
    region = summary.region.wire
    if let known = summary.leader { leader = known.wire }
    downPeers = summary.downPeers.map(\.wire)
    pendingPeers = summary.pendingPeers.map(\.wire)
  }
}

extension Pdpb_OperatorStatus {
  fileprivate init(_ status: OperatorStatus) {
    self =
      switch status {
      case .success: .success
      case .timeout: .timeout
      case .cancel: .cancel
      case .replace: .replace
      case .running: .running
      }
  }
}
