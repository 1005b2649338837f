import Client
import Codec
import FoundationEssentials
import Raftstore
import Synchronization

/// The `/regions` page of a store: a JSON array of `RegionReport`, ordered by region id. `?after=ID` selects
/// the regions with larger ids, `?limit=N` the most regions of a page.
///
/// One page is gathered at a time, region by region, so that repeated requests take little of the raft workers'
/// time. Any thread.
final class RegionsPage: Sendable {
  /// Collects the statuses of at most `limit` regions with ids above `after`, and passes them on once, on any
  /// thread.
  typealias Gather =
    @Sendable (_ after: UInt64, _ limit: Int, @escaping @Sendable ([RegionStatus]) -> Void) -> Void

  /// The most regions of a page.
  static let limit = 1024

  private struct Request {
    var after: UInt64
    var limit: Int
    var done: StatusRoute.Done
  }

  private struct State {
    var isGathering = false
    /// Requests for the next pages; at most one per connection.
    var waiting: [Request] = []
  }

  private let gather: Gather
  private let state = Mutex(State())

  init(gather: @escaping Gather) {
    self.gather = gather
  }

  /// The page of a running store.
  convenience init(store: Store) {
    self.init { after, limit, done in
      let ids = store.meta.regionIDs(after: after, limit: limit)
      let gathered = GatheredStatuses(awaited: ids.count, done: done)
      for id in ids { store.inspect(id) { gathered.add($0) } }
    }
  }

  var route: StatusRoute {
    StatusRoute("/regions", handler: { [self] query, done in handle(query, done) })
  }

  private func handle(_ query: String, _ done: @escaping StatusRoute.Done) {
    let request: Request
    do throws(HTTPQuery.Malformed) {
      let query = try HTTPQuery(query)
      let limit = try query.integer("limit", otherwise: Self.limit)
      request = Request(
        after: try query.text("after").map(HTTPQuery.id) ?? 0,
        limit: min(max(limit, 0), Self.limit), done: done)
    } catch {
      return done { StatusReply(code: 400, body: "\(error)\n") }
    }
    let isFirst = state.withLock { state in
      if state.isGathering { state.waiting.append(request) }
      defer { state.isGathering = true }
      return !state.isGathering
    }
    if isFirst { begin(request) }
  }

  private func begin(_ request: Request) {
    gather(request.after, request.limit) { [self] statuses in
      // Runs on the event loop of the status port.
      request.done {
        defer { self.beginNext() }
        return Self.reply(statuses)
      }
    }
  }

  private func beginNext() {
    let next = state.withLock { state -> Request? in
      state.isGathering = !state.waiting.isEmpty
      return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
    }
    if let next { begin(next) }
  }

  private static func reply(_ statuses: [RegionStatus]) -> StatusReply {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let reports = statuses.sorted { $0.region.id < $1.region.id }.map(RegionReport.init)
    do {
      let body = try encoder.encode(reports)
      return StatusReply(
        contentType: "application/json", body: String(decoding: body, as: UTF8.self))
    } catch {
      return StatusReply(code: 500, body: "\(error)\n")
    }
  }
}

/// Collects the statuses of a number of regions; a region that was removed meanwhile has none.
private final class GatheredStatuses: Sendable {
  private struct State {
    var awaited: Int
    var statuses: [RegionStatus] = []
  }

  private let state: Mutex<State>
  private let done: @Sendable ([RegionStatus]) -> Void

  init(awaited: Int, done: @escaping @Sendable ([RegionStatus]) -> Void) {
    state = Mutex(State(awaited: awaited))
    self.done = done
    if awaited == 0 { done([]) }
  }

  func add(_ more: [RegionStatus]) {
    let all = state.withLock { state -> [RegionStatus]? in
      state.awaited -= 1
      state.statuses += more
      return state.awaited == 0 ? state.statuses : nil
    }
    if let all { done(all) }
  }
}
