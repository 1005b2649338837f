import Codec
import NIOCore
import PlacementDriver
import RPC
import Synchronization

/// By what regions are ranked, the largest first.
enum RegionRank: String {
  case size
  case keys
  case version
  case confver
  case readflow
  case writeflow

  func value(_ summary: RegionSummary) -> UInt64 {
    switch self {
    case .size: summary.approximateSize
    case .keys: summary.approximateKeys
    case .version: summary.region.epoch.version
    case .confver: summary.region.epoch.confVersion
    case .readflow: summary.read.bytes
    case .writeflow: summary.written.bytes
    }
  }
}

extension PDHTTP {
  /// The regions on both sides of one, as far as there are any.
  func regionSiblings(_ id: UInt64, _ done: @escaping HTTPService.Done) {
    callCluster({ core, _ in core.siblingSummaries(ofRegion: id) }, done) { siblings in
      guard let siblings else { return .json(404, "region \(id) not found") }
      return .json(
        200,
        JSONObject([("count", siblings.count), ("regions", siblings.map(RegionPage.init))]))
    }
  }

  /// The regions that have an anomaly.
  func regionsChecked(_ name: String, _ done: @escaping HTTPService.Done) {
    callCluster(
      { core, _ in core.anomalyCheck(named: name) }, done,
      then: { [self] check in
        guard let check else { return done(.json(400, "unknown region check \(name)")) }
        regions(in: .all, limit: 0, where: check, done)
      })
  }

  /// The largest regions by something.
  func regionsRanked(_ name: String, limit: Int, _ done: @escaping HTTPService.Done) {
    guard let rank = RegionRank(rawValue: name), (1...Self.scanLimits.most).contains(limit) else {
      return done(.json(400, "the limit must be 1 to \(Self.scanLimits.most)"))
    }
    guard let done = listing(done) else { return done(Self.busy) }
    let largest = LargestRegions(rank, limit)
    gather(.all, done) {
      largest.add($0)
    } finish: {
      let pages = largest.found.map(RegionPage.init)
      return .json(200, JSONObject([("count", pages.count), ("regions", pages)]))
    }
  }

  /// The same as `callCluster`, where the response to PD's result needs more calls.
  private func callCluster<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ done: @escaping HTTPService.Done, then: @escaping @Sendable (Response) -> Void
  ) {
    pd.call { (core, reading) throws(PDError) in
      core.isBootstrapped ? try body(core, reading) : nil
    } _: { result in
      switch result {
      case .failure(let error): done(HTTPReply(error))
      case .success(nil): done(Self.notBootstrapped)
      case .success(let response?): then(response)
      }
    }
  }
}

/// The largest of the regions seen so far.
private final class LargestRegions: Sendable {
  private let rank: RegionRank
  private let limit: Int
  private let state = Mutex<[RegionSummary]>([])

  init(_ rank: RegionRank, _ limit: Int) {
    self.rank = rank
    self.limit = limit
  }

  /// Always true: the largest may come last.
  func add(_ page: [RegionSummary]) -> Bool {
    state.withLock { found in
      found += page
      found.sort { (rank.value($0), $1.region.id) > (rank.value($1), $0.region.id) }
      found.removeLast(max(0, found.count - limit))
    }
    return true
  }

  var found: [RegionSummary] { state.withLock { $0 } }
}
