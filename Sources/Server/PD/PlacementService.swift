package import PlacementDriver
package import RPC
package import Runtime
import SwiftProtobuf
import Synchronization
import Wire

/// `pdpb.PD` and what its clients expect beside it on the same port, over the driver's mailbox.
package final class PlacementService: Sendable {
  typealias Method<Request, Response> =
    @Sendable (PlacementDriver) -> (Request, Moment) throws(PlacementError) -> Response

  private let mailbox: Mailbox<PlacementDriverMessage>
  private let heartbeats = HeartbeatStreams()
  let streams: LiveStreams

  package init(mailbox: Mailbox<PlacementDriverMessage>, streams: LiveStreams) {
    self.mailbox = mailbox
    self.streams = streams
  }

  /// Sends commands to the stores they are for; those without a stream will hear of them again.
  package func deliver(_ replies: [HeartbeatReply]) {
    for reply in replies { heartbeats.send(reply.response, toStore: reply.storeID) }
  }

  /// Asks the driver something that is not a message of the protocol.
  package func ask<Response: Sendable>(
    _ body: @escaping @Sendable (PlacementDriver, Moment) throws(PlacementError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PlacementError>) -> Void
  ) {
    let owed = Completion<Result<Response, PlacementError>>(
      abandoned: .failure(.stopped), completion)
    send(PlacementDriverCall(owed, body)) { owed(.failure($0)) }
  }

  func call<Request: Sendable, Response: Sendable>(
    _ method: @escaping Method<Request, Response>, _ request: Request,
    _ completion: @escaping @Sendable (Result<Response, PlacementError>) -> Void
  ) {
    let owed = Completion<Result<Response, PlacementError>>(
      abandoned: .failure(.stopped), completion)
    send(PlacementDriverCall(method, request, owed)) { owed(.failure($0)) }
  }

  private func send(_ call: PlacementDriverCall, otherwise: (PlacementError) -> Void) {
    guard !mailbox.send(.call(call)) else { return }
    otherwise(PlacementError(.unavailable, "the placement driver is busy or stopping"))
  }

  /// Registers everything.
  package func register(on router: inout MethodRouter) {
    registerCluster(on: &router)
    registerRegions(on: &router)
    registerSafePoints(on: &router)
    registerStreams(on: &router)
  }

  private func registerCluster(on router: inout MethodRouter) {
    unary("pdpb.PD/GetMembers", on: &router, PlacementDriver.getMembers)
    unary("pdpb.PD/GetClusterInfo", on: &router, PlacementDriver.getClusterInfo)
    unary("pdpb.PD/Bootstrap", on: &router, PlacementDriver.bootstrap)
    unary("pdpb.PD/IsBootstrapped", on: &router, PlacementDriver.isBootstrapped)
    unary("pdpb.PD/AllocID", on: &router, PlacementDriver.allocID)
    unary("pdpb.PD/GetStore", on: &router, PlacementDriver.getStore)
    unary("pdpb.PD/PutStore", on: &router, PlacementDriver.putStore)
    unary("pdpb.PD/GetAllStores", on: &router, PlacementDriver.getAllStores)
    unary("pdpb.PD/StoreHeartbeat", on: &router, PlacementDriver.storeHeartbeat)
    unary("pdpb.PD/GetClusterConfig", on: &router, PlacementDriver.getClusterConfig)
    unary("pdpb.PD/PutClusterConfig", on: &router, PlacementDriver.putClusterConfig)
    unary("pdpb.PD/GetMinTS", on: &router, PlacementDriver.getMinTS)
    unary("pdpb.PD/ReportMinResolvedTS", on: &router, PlacementDriver.reportMinResolvedTS)
    unary("etcdserverpb.Cluster/MemberList", on: &router, PlacementDriver.memberList)
    unary("etcdserverpb.KV/Range", on: &router, PlacementDriver.etcdRange)
    unary("meta_storagepb.MetaStorage/Get", on: &router, PlacementDriver.metaStorageGet)
    unary("keyspacepb.Keyspace/LoadKeyspace", on: &router, PlacementDriver.loadKeyspace)
  }

  private func registerRegions(on router: inout MethodRouter) {
    unary("pdpb.PD/GetRegion", on: &router, PlacementDriver.getRegion)
    unary("pdpb.PD/GetPrevRegion", on: &router, PlacementDriver.getPrevRegion)
    unary("pdpb.PD/GetRegionByID", on: &router, PlacementDriver.getRegionByID)
    unary("pdpb.PD/ScanRegions", on: &router, PlacementDriver.scanRegions)
    unary("pdpb.PD/BatchScanRegions", on: &router, PlacementDriver.batchScanRegions)
    unary("pdpb.PD/AskSplit", on: &router, PlacementDriver.askSplit)
    unary("pdpb.PD/ReportSplit", on: &router, PlacementDriver.reportSplit)
    unary("pdpb.PD/AskBatchSplit", on: &router, PlacementDriver.askBatchSplit)
    unary("pdpb.PD/ReportBatchSplit", on: &router, PlacementDriver.reportBatchSplit)
    unary("pdpb.PD/ScatterRegion", on: &router, PlacementDriver.scatterRegion)
    unary("pdpb.PD/GetOperator", on: &router, PlacementDriver.getOperator)
  }

  private func registerSafePoints(on router: inout MethodRouter) {
    unary("pdpb.PD/GetGCSafePoint", on: &router, PlacementDriver.getGCSafePoint)
    unary("pdpb.PD/UpdateGCSafePoint", on: &router, PlacementDriver.updateGCSafePoint)
    unary(
      "pdpb.PD/UpdateServiceGCSafePoint", on: &router, PlacementDriver.updateServiceGCSafePoint)
    unary("pdpb.PD/GetGCState", on: &router, PlacementDriver.getGCState)
    unary("pdpb.PD/AdvanceTxnSafePoint", on: &router, PlacementDriver.advanceTxnSafePoint)
    unary("pdpb.PD/AdvanceGCSafePoint", on: &router, PlacementDriver.advanceGCSafePoint)
  }

  private func registerStreams(on router: inout MethodRouter) {
    let service = self
    router.stream("/pdpb.PD/Tso") { call in
      AnsweredStream(service, call, PlacementDriver.tso, .each)
    }
    router.stream("/pdpb.PD/QueryRegion") { call in
      AnsweredStream(service, call, PlacementDriver.queryRegion, .each)
    }
    router.stream("/pdpb.PD/ReportBuckets") { call in
      AnsweredStream(service, call, PlacementDriver.reportBuckets, .last)
    }
    router.stream("/pdpb.PD/RegionHeartbeat") { [mailbox, heartbeats] call in
      HeartbeatStream(service, call, heartbeats) { storeID in
        mailbox.post(.storeDisconnected(storeID))
      }
    }
  }

  private func unary<Request: Message, Response: Message>(
    _ path: String, on router: inout MethodRouter, _ method: @escaping Method<Request, Response>
  ) {
    let service = self
    router.unary("/\(path)") { payload, call in
      let request: Request
      do throws(RPCStatus) {
        request = try RequestCoding.decode(payload, depth: 4)
      } catch {
        return call.fail(error)
      }
      service.call(method, request) { result in
        switch result {
        case .success(let response): call.reply(message: response)
        case .failure(let error): call.fail(RPCStatus(error))
        }
      }
    }
  }
}

extension RPCStatus {
  /// The codes are gRPC's in both.
  init(_ error: PlacementError) {
    self.init(RPCCode(rawValue: error.code.rawValue) ?? .unknown, error.message)
  }
}
