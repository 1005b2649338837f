import Codec
import NIOCore
import PlacementDriver
import RPC
import Synchronization

extension PDHTTP {
  /// Regions fetched from PD at a time, so that it serves others in between.
  private static let regionsPerPage = 1024
  /// A longer list is refused.
  private static let maxListBytes = 64 << 20
  /// Of `/regions/key`, unless the request says otherwise, and at most.
  static let scanLimits = (usual: 16, most: 10_240)

  func region(id text: String, _ done: @escaping HTTPService.Done) {
    let id: UInt64
    do throws(HTTPQuery.Malformed) {
      id = try HTTPQuery.id(text)
    } catch {
      return done(.json(400, error.description))
    }
    callCluster({ core, _ in core.regionSummary(id: id) }, done) { Self.page($0) }
  }

  func region(key text: String, _ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    let key: [UInt8]
    do throws(HTTPQuery.Malformed) {
      key = try query.key(try HTTPQuery.unescape(text))
    } catch {
      return done(.json(400, error.description))
    }
    callCluster({ core, _ in core.regionSummary(containing: key) }, done) { Self.page($0) }
  }

  static let busy = HTTPReply.text(503, "the placement driver is busy")

  /// A region that is not known is null.
  private static func page(_ summary: RegionSummary?) -> HTTPReply {
    .json(200, summary.map(RegionPage.init))
  }

  /// The regions of a range, all or those with a peer on one store.
  ///
  /// - Parameters:
  ///   - limit: 0 or less for all.
  ///   - isWanted: whether a region is listed.
  func regions(
    in range: KeyRange, limit: Int, ofStore store: UInt64? = nil,
    where isWanted: @escaping @Sendable (RegionSummary) -> Bool = { _ in true },
    _ done: @escaping HTTPService.Done
  ) {
    guard let done = listing(done) else { return done(Self.busy) }
    let list = RegionList(limit: limit <= 0 ? .max : limit, store: store, isWanted)
    gather(range, done) { [list] in
      list.add($0, Self.maxListBytes)
    } finish: {
      list.reply
    }
  }

  func regionStatistics(_ query: HTTPQuery, _ done: @escaping HTTPService.Done) {
    let range: KeyRange
    do throws(HTTPQuery.Malformed) {
      range = try query.range(from: "start_key")
    } catch {
      return done(.json(400, error.description))
    }
    guard let done = listing(done) else { return done(Self.busy) }
    let shared = SharedStatistics()
    gather(range, done) {
      shared.add($0)
    } finish: {
      .json(200, shared.page)
    }
  }

  /// Fetches regions page by page.
  ///
  /// - Parameters:
  ///   - take: takes a page, on the thread for responses; false when no more are wanted.
  ///   - finish: makes the reply.
  func gather(
    _ range: KeyRange, _ done: @escaping HTTPService.Done,
    take: @escaping @Sendable ([RegionSummary]) -> Bool,
    finish: @escaping @Sendable () -> HTTPReply
  ) {
    pd.call { core, _ in
      core.isBootstrapped
        ? core.regionSummaries(in: range, limit: Self.regionsPerPage) : nil
    } _: { [self] result in
      switch result {
      case .failure(let error): done(HTTPReply(error))
      case .success(nil): done(Self.notBootstrapped)
      case .success(let page?):
        run(done) { [self] in
          let wantsMore = take(page)
          let isLast = page.count < Self.regionsPerPage || (page.last?.region.endKey ?? []).isEmpty
          guard wantsMore, !isLast, let end = page.last?.region.endKey else {
            return done(finish())
          }
          let rest = KeyRange(start: end, end: range.end)
          if rest.isEmpty { return done(finish()) }
          gather(rest, done, take: take, finish: finish)
        }
      }
    }
  }
}

/// A list of regions, written as it is gathered.
private final class RegionList: Sendable {
  private struct State {
    var left: Int
    var count = 0
    var bytes = ByteBuffer()
    var problem: String?
  }

  private let store: UInt64?
  private let isWanted: @Sendable (RegionSummary) -> Bool
  private let state: Mutex<State>

  init(limit: Int, store: UInt64?, _ isWanted: @escaping @Sendable (RegionSummary) -> Bool) {
    self.store = store
    self.isWanted = isWanted
    state = Mutex(State(left: limit))
  }

  /// False when no more are wanted.
  func add(_ page: [RegionSummary], _ maxBytes: Int) -> Bool {
    state.withLock { state in
      for summary in page {
        guard state.left > 0 else { return false }
        if let store, !summary.region.peers.contains(where: { $0.storeID == store }) { continue }
        guard isWanted(summary) else { continue }
        do {
          var bytes = try PDJSON.encode(RegionPage(summary))
          if state.count > 0 { state.bytes.writeInteger(UInt8(ascii: ",")) }
          state.bytes.writeBuffer(&bytes)
        } catch {
          state.problem = "\(error)"
          return false
        }
        state.count += 1
        state.left -= 1
        guard state.bytes.readableBytes <= maxBytes else {
          state.problem = "too many regions for one response; request fewer of them (/regions/key)"
          return false
        }
      }
      return state.left > 0
    }
  }

  var reply: HTTPReply {
    state.withLock { state in
      if let problem = state.problem { return .json(500, problem) }
      var body = ByteBuffer(string: #"{"count":\#(state.count),"regions":["#)
      body.writeBuffer(&state.bytes)
      body.writeString("]}")
      return .json(200, bytes: body)
    }
  }
}

private final class SharedStatistics: Sendable {
  private let state = Mutex(RegionStatisticsPage())

  func add(_ page: [RegionSummary]) -> Bool {
    state.withLock { state in
      for summary in page { state.add(summary) }
    }
    return true
  }

  var page: RegionStatisticsPage { state.withLock { $0 } }
}
