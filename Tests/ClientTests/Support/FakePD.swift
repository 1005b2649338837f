import Codec
import NIOCore
import RPC
import Wire

@testable import Client

/// The placement driver's face of a `FakeCluster`.
struct FakePD {
  let cluster: FakeCluster

  var router: MethodRouter {
    var router = MethodRouter()
    unary(&router, "GetMembers") { (_: Pdpb_GetMembersRequest, model) in
      var answer = Pdpb_GetMembersResponse()
      for (index, port) in model.pdPorts.enumerated() {
        var member = Pdpb_Member()
        member.memberID = UInt64(index + 1)
        member.name = "pd\(index)"
        member.clientUrls = ["http://127.0.0.1:\(port)"]
        answer.members.append(member)
      }
      answer.header.clusterID = model.clusterID
      answer.leader = answer.members[0]
      return answer
    }
    unary(&router, "GetRegion") { (request: Pdpb_GetRegionRequest, model) in
      Self.answer(model, Self.regions(model).first { $0.contains([UInt8](request.regionKey)) })
    }
    unary(&router, "GetPrevRegion") { (request: Pdpb_GetRegionRequest, model) in
      let regions = Self.regions(model)
      let index = regions.firstIndex { $0.contains([UInt8](request.regionKey)) } ?? 0
      return Self.answer(model, index > 0 ? regions[index - 1] : nil)
    }
    unary(&router, "GetRegionByID") { (request: Pdpb_GetRegionByIDRequest, model) in
      Self.answer(model, Self.regions(model).first { $0.id == request.regionID })
    }
    unary(&router, "ScanRegions") { (request: Pdpb_ScanRegionsRequest, model) in
      var answer = Pdpb_ScanRegionsResponse()
      answer.header.clusterID = model.clusterID
      let range = KeyRange(start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      for region in Self.regions(model) where region.range.overlaps(range) {
        guard answer.regions.count < Int(request.limit) else { break }
        let found = Self.answer(model, region)
        var item = Pdpb_Region()
        item.region = found.region
        if found.hasLeader { item.leader = found.leader }
        answer.regions.append(item)
      }
      return answer
    }
    unary(&router, "GetStore") {
      (request: Pdpb_GetStoreRequest, model) throws(RPCStatus) -> Pdpb_GetStoreResponse in
      var answer = Pdpb_GetStoreResponse()
      answer.header.clusterID = model.clusterID
      guard let port = model.storePorts[request.storeID] else {
        // As PD does it: the call fails, with a code that says nothing.
        throw RPCStatus(.unknown, "invalid store ID \(request.storeID), not found")
      }
      answer.store = Self.store(request.storeID, port)
      answer.stats.regionCount = UInt32(model.regions.count)
      return answer
    }
    unary(&router, "GetAllStores") { (_: Pdpb_GetAllStoresRequest, model) in
      var answer = Pdpb_GetAllStoresResponse()
      answer.header.clusterID = model.clusterID
      answer.stores = model.storePorts.map { Self.store($0.key, $0.value) }
      return answer
    }
    let cluster = cluster
    router.asyncStream("/pdpb.PD/Tso") { messages, call in
      for try await message in messages {
        let request: Pdpb_TsoRequest = try MessageCoding.decode(message)
        var answer = Pdpb_TsoResponse()
        answer.count = request.count
        answer.timestamp.physical = 1000
        answer.timestamp.logical = cluster.model.withLock { model in
          model.tso += Int64(request.count)
          return model.tso
        }
        call.send(message: answer)
      }
      return .ok
    }
    return router
  }

  private func unary<Request: PDClientRequest, Answer: PDClientResponse>(
    _ router: inout MethodRouter, _ method: String,
    _ body: @escaping @Sendable (Request, FakeCluster.Model) throws(RPCStatus) -> Answer
  ) {
    let cluster = cluster
    router.unary("/pdpb.PD/\(method)") { buffer, call in
      do throws(RPCStatus) {
        let request: Request = try MessageCoding.decode(buffer)
        let model = cluster.model.withLock { $0 }
        guard request.header.clusterID == model.clusterID || method == "GetMembers" else {
          return call.fail(RPCStatus(.failedPrecondition, "wrong cluster"))
        }
        call.reply(message: try body(request, model))
      } catch {
        call.fail(error)
      }
    }
  }

  private static func regions(_ model: FakeCluster.Model) -> [Region] {
    model.told?.regions ?? model.regions
  }

  private static func answer(
    _ model: FakeCluster.Model, _ region: Region?
  ) -> Pdpb_GetRegionResponse {
    var answer = Pdpb_GetRegionResponse()
    answer.header.clusterID = model.clusterID
    guard let region else { return answer }
    answer.region = region.wire
    let leaders = model.told?.leaders ?? model.leaders
    if let peer = leaders[region.id].flatMap({ region.peer(onStore: $0) }) {
      answer.leader = peer.wire
    }
    return answer
  }

  private static func store(_ id: UInt64, _ port: Int) -> Metapb_Store {
    StoreInfo(id: id, address: "127.0.0.1:\(port)", version: "1.0.0").wire
  }
}
