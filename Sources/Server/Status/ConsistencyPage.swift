import Client
import Codec
import FoundationEssentials
import Raftstore
import Runtime

/// The `/regions/check?id=REGION` page of a store: has the region that it leads compared with its replicas, and returns
/// a `ConsistencyView`. TiKV's counterpart is the method `RegionConsistencyCheck` of `debugpb`, which returns nothing:
/// its result is a process that ends.
struct ConsistencyPage: Sendable {
  private let router: Router

  init(store: Store) { router = store.router }

  var route: StatusRoute {
    StatusRoute("/regions/check", handler: { query, done in handle(query, done) })
  }

  private func handle(_ query: String, _ done: @escaping StatusRoute.Done) {
    let id: UInt64
    do throws(HTTPQuery.Malformed) {
      id = try HTTPQuery.id(HTTPQuery(query).text("id") ?? "")
    } catch {
      return done { StatusReply(code: 400, body: "\(error)\n") }
    }
    let stopping = RegionError.serverIsBusy(reason: "the store is stopping", backoffMs: 0)
    router.checkConsistency(
      id,
      Completion(abandoned: .failure(stopping)) { result in
        done { Self.reply(result) }
      })
  }

  private static func reply(_ result: Result<ConsistencyReport, RegionError>) -> StatusReply {
    do {
      let report = try result.get()
      let view = ConsistencyView(
        regionID: report.regionID, index: report.index,
        replicas: report.replicas.map {
          ConsistencyView.Replica(
            peerID: $0.peer.id, storeID: $0.peer.storeID, verdict: $0.verdict.rawValue)
        })
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      let body = try encoder.encode(view)
      return StatusReply(
        contentType: "application/json", body: String(decoding: body, as: UTF8.self))
    } catch let error as RegionError {
      return StatusReply(code: 503, body: "\(error.message)\n")
    } catch {
      return StatusReply(code: 500, body: "\(error)\n")
    }
  }
}
