import Codec
import FoundationEssentials
import Raftstore
import Synchronization

/// The `/regions` page of a store: the raft state of every replica it holds, as JSON.
struct RegionsPage: Sendable {
  let store: Store
  /// How many workers each tell of their own regions.
  let shards: Int

  var route: StatusRoute {
    StatusRoute("/regions", asking: { done in ask(done) })
  }

  private func ask(_ done: @escaping StatusRoute.Done) {
    let gathered = GatheredStatuses(awaited: shards) { statuses in done(Self.reply(statuses)) }
    store.inspect(nil) { gathered.add($0) }
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

/// Waits for as many responses as there are workers.
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
