import Codec
import NIOCore
import RPC
import Wire

@testable import Client

/// The placement driver of a `FakeCluster`.
struct FakePD {
  let cluster: FakeCluster

  var router: MethodRouter {
    var router = MethodRouter()
    unary(&router, "GetMembers") { (_: Pdpb_GetMembersRequest, model) in
      var response = Pdpb_GetMembersResponse()
      for (index, port) in model.pdPorts.enumerated() {
        var member = Pdpb_Member()
        member.memberID = UInt64(index + 1)
        member.name = "pd\(index)"
        member.clientUrls = ["http://127.0.0.1:\(port)"]
        response.members.append(member)
      }
      response.header.clusterID = model.clusterID
      response.leader = response.members[0]
      return response
    }
    unary(&router, "GetRegion") { (request: Pdpb_GetRegionRequest, model) in
      Self.regionResponse(
        model, Self.regions(model).first { $0.contains([UInt8](request.regionKey)) })
    }
    unary(&router, "GetPrevRegion") { (request: Pdpb_GetRegionRequest, model) in
      let regions = Self.regions(model)
      let index = regions.firstIndex { $0.contains([UInt8](request.regionKey)) } ?? 0
      return Self.regionResponse(model, index > 0 ? regions[index - 1] : nil)
    }
    unary(&router, "GetRegionByID") { (request: Pdpb_GetRegionByIDRequest, model) in
      Self.regionResponse(model, Self.regions(model).first { $0.id == request.regionID })
    }
    unary(&router, "ScanRegions") { (request: Pdpb_ScanRegionsRequest, model) in
      var response = Pdpb_ScanRegionsResponse()
      response.header.clusterID = model.clusterID
      let range = KeyRange(start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      for region in Self.regions(model) where region.range.overlaps(range) {
        guard response.regions.count < Int(request.limit) else { break }
        let found = Self.regionResponse(model, region)
        var item = Pdpb_Region()
        item.region = found.region
        if found.hasLeader { item.leader = found.leader }
        response.regions.append(item)
      }
      return response
    }
    unary(&router, "GetStore") {
      (request: Pdpb_GetStoreRequest, model) throws(RPCStatus) -> Pdpb_GetStoreResponse in
      var response = Pdpb_GetStoreResponse()
      response.header.clusterID = model.clusterID
      guard let port = model.storePorts[request.storeID] else {
        // As PD does: the call fails, with an unspecific code.
        throw RPCStatus(.unknown, "invalid store ID \(request.storeID), not found")
      }
      response.store = Self.store(request.storeID, port)
      response.stats.regionCount = UInt32(model.regions.count)
      return response
    }
    unary(&router, "GetAllStores") { (_: Pdpb_GetAllStoresRequest, model) in
      var response = Pdpb_GetAllStoresResponse()
      response.header.clusterID = model.clusterID
      response.stores = model.storePorts.map { Self.store($0.key, $0.value) }
      return response
    }
    let cluster = cluster
    router.asyncStream("/pdpb.PD/Tso") { messages, call in
      for try await message in messages {
        let request: Pdpb_TsoRequest = try MessageCoding.decode(message)
        var response = Pdpb_TsoResponse()
        response.count = request.count
        response.timestamp.physical = 1000
        response.timestamp.logical = cluster.model.withLock { model in
          model.tso += Int64(request.count)
          return model.tso
        }
        call.send(message: response)
      }
      return .ok
    }
    return router
  }

  private func unary<Request: PDClientRequest, Response: PDClientResponse>(
    _ router: inout MethodRouter, _ method: String,
    _ body: @escaping @Sendable (Request, FakeCluster.Model) throws(RPCStatus) -> Response
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
    model.pdView?.regions ?? model.regions
  }

  private static func regionResponse(
    _ model: FakeCluster.Model, _ region: Region?
  ) -> Pdpb_GetRegionResponse {
    var response = Pdpb_GetRegionResponse()
    response.header.clusterID = model.clusterID
    guard let region else { return response }
    response.region = region.wire
    let leaders = model.pdView?.leaders ?? model.leaders
    if let peer = leaders[region.id].flatMap({ region.peer(onStore: $0) }) {
      response.leader = peer.wire
    }
    return response
  }

  private static func store(_ id: UInt64, _ port: Int) -> Metapb_Store {
    StoreInfo(id: id, address: "127.0.0.1:\(port)", version: "1.0.0").wire
  }
}
