import Codec
import NIOCore
import RPC
import Wire

@testable import Client

/// One store of a `FakeCluster`.
struct FakeStore {
  let cluster: FakeCluster
  let id: UInt64

  /// A response whose region error can be set.
  protocol Fillable: RegionResponse {
    var regionError: Errorpb_Error { get set }
  }

  var router: MethodRouter {
    var router = MethodRouter()
    serve(&router, { (request: Kvrpcpb_RawGetRequest) in [[UInt8](request.key)] }) {
      request, _, model in
      var response = Kvrpcpb_RawGetResponse()
      response.error = model.refusal
      if let value = model.data[[UInt8](request.key)] {
        response.value = value.data
      } else {
        response.notFound = true
      }
      return response
    }
    serve(&router, { (request: Kvrpcpb_RawPutRequest) in [[UInt8](request.key)] }) {
      request, _, model in
      model.data[[UInt8](request.key)] = [UInt8](request.value)
      return Kvrpcpb_RawPutResponse()
    }
    serve(&router, { (request: Kvrpcpb_RawDeleteRequest) in [[UInt8](request.key)] }) {
      request, _, model in
      model.data[[UInt8](request.key)] = nil
      return Kvrpcpb_RawDeleteResponse()
    }
    addBatches(&router)
    addRanges(&router)
    addUpdates(&router)
    return router
  }

  private func addBatches(_ router: inout MethodRouter) {
    serve(&router, { (request: Kvrpcpb_RawBatchGetRequest) in request.keys.map { [UInt8]($0) } }) {
      request, _, model in
      var response = Kvrpcpb_RawBatchGetResponse()
      for key in request.keys {
        guard let value = model.data[[UInt8](key)] else { continue }
        response.pairs.append(Self.pair([UInt8](key), value))
      }
      return response
    }
    serve(
      &router, { (request: Kvrpcpb_RawBatchPutRequest) in request.pairs.map { [UInt8]($0.key) } }
    ) { request, _, model in
      for pair in request.pairs { model.data[[UInt8](pair.key)] = [UInt8](pair.value) }
      return Kvrpcpb_RawBatchPutResponse()
    }
    serve(
      &router, { (request: Kvrpcpb_RawBatchDeleteRequest) in request.keys.map { [UInt8]($0) } }
    ) { request, _, model in
      for key in request.keys { model.data[[UInt8](key)] = nil }
      return Kvrpcpb_RawBatchDeleteResponse()
    }
  }

  private func addRanges(_ router: inout MethodRouter) {
    serve(&router, { (_: Kvrpcpb_RawScanRequest) in [] }) { request, region, model in
      let (first, second) = ([UInt8](request.startKey), [UInt8](request.endKey))
      let requested =
        request.reverse
        ? KeyRange(start: second, end: first) : KeyRange(start: first, end: second)
      let range = requested.intersect(region.range)
      let keys = model.data.keys.filter { range.contains($0) }.sorted { precedes($0, $1) }
      var response = Kvrpcpb_RawScanResponse()
      for key in (request.reverse ? keys.reversed() : keys).prefix(Int(request.limit)) {
        response.kvs.append(Self.pair(key, request.keyOnly ? [] : model.data[key] ?? []))
      }
      return response
    }
    serve(&router, { (_: Kvrpcpb_RawDeleteRangeRequest) in [] }) { request, region, model in
      let range = KeyRange(start: [UInt8](request.startKey), end: [UInt8](request.endKey))
      var response = Kvrpcpb_RawDeleteRangeResponse()
      guard region.contains(range) else {
        response.regionError =
          RegionError.keyNotInRegion(
            key: range.end, regionID: region.id, start: region.startKey, end: region.endKey
          ).wire
        return response
      }
      for key in model.data.keys where range.contains(key) { model.data[key] = nil }
      return response
    }
  }

  private static func pair(_ key: [UInt8], _ value: [UInt8]) -> Kvrpcpb_KvPair {
    var pair = Kvrpcpb_KvPair()
    pair.key = key.data
    pair.value = value.data
    return pair
  }

  func serve<Request: RegionRequest>(
    _ router: inout MethodRouter, _ keys: @escaping @Sendable (Request) -> [[UInt8]],
    _ body: @escaping @Sendable (Request, Region, inout FakeCluster.Model) -> Request.Response
  ) where Request.Response: Fillable {
    let (cluster, id) = (cluster, id)
    router.unary(Request.path) { buffer, call in
      do throws(RPCStatus) {
        let request: Request = try MessageCoding.decode(buffer)
        let response: Request.Response? = cluster.model.withLock { model in
          let method = String(Request.path.split(separator: "/").last ?? "")
          model.calls.append(.init(store: id, method: method, region: request.context.regionID))
          if model.callsWithoutResponse > 0 {
            model.callsWithoutResponse -= 1
            if model.executesCallsWithoutResponse, let region = model.regions.first {
              _ = body(request, region, &model)
            }
            return nil
          }
          var response = Request.Response()
          if let error = Self.check(request.context, keys(request), id, &model) {
            response.regionError = error.wire
            return response
          }
          guard let region = model.regions.first(where: { $0.id == request.context.regionID })
          else { return response }
          return body(request, region, &model)
        }
        if let response { call.reply(message: response) }
      } catch {
        call.fail(error)
      }
    }
  }

  /// The checks of a real store, in its order.
  private static func check(
    _ context: Kvrpcpb_Context, _ keys: [[UInt8]], _ store: UInt64, _ model: inout FakeCluster.Model
  ) -> RegionError? {
    if !model.script.isEmpty { return model.script.removeFirst() }
    guard context.peer.storeID == store else {
      return .storeNotMatch(requestStoreID: context.peer.storeID, actualStoreID: store)
    }
    guard let region = model.regions.first(where: { $0.id == context.regionID }),
      let peer = region.peer(onStore: store)
    else { return .regionNotFound(regionID: context.regionID) }
    guard peer.id == context.peer.id else {
      return .mismatchPeerID(requestPeerID: context.peer.id, storePeerID: peer.id)
    }
    guard model.leaders[region.id] == store else {
      let leader = model.leaders[region.id].flatMap { region.peer(onStore: $0) }
      return .notLeader(regionID: region.id, leader: leader)
    }
    guard context.regionEpoch.version == region.epoch.version else {
      return .epochNotMatch(
        currentRegions: [region] + model.regions.filter { $0.id != region.id })
    }
    for key in keys where !region.contains(key) {
      return .keyNotInRegion(
        key: key, regionID: region.id, start: region.startKey, end: region.endKey)
    }
    return nil
  }
}

extension Kvrpcpb_RawGetResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawPutResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawDeleteResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawBatchGetResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawBatchPutResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawBatchDeleteResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawScanResponse: FakeStore.Fillable {}
extension Kvrpcpb_RawDeleteRangeResponse: FakeStore.Fillable {}
