package import PlacementDriver
package import RPC
package import Runtime
import SwiftProtobuf
import Synchronization
import Wire

/// `pdpb.PD` and what its clients expect beside it on the same port, over the driver's mailbox.
package final class PDService: Sendable {
  typealias Method<Request, Response> =
    @Sendable (PDCore) -> (Request, ClockReading) throws(PDError) -> Response

  private let mailbox: Mailbox<PDMessage>
  private let heartbeats = HeartbeatStreams()
  let streams: OpenStreams

  package init(mailbox: Mailbox<PDMessage>, streams: OpenStreams) {
    self.mailbox = mailbox
    self.streams = streams
  }

  /// Sends commands to the stores they are for; those without a stream will hear of them again.
  package func deliver(_ replies: [HeartbeatResponse]) {
    for reply in replies { heartbeats.send(reply.response, toStore: reply.storeID) }
  }

  /// Asks the driver something that is not a message of the protocol.
  package func ask<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    let owed = Completion<Result<Response, PDError>>(
      abandoned: .failure(.stopped), completion)
    send(PDCall(owed, body)) { owed(.failure($0)) }
  }

  func call<Request: Sendable, Response: Sendable>(
    _ method: @escaping Method<Request, Response>, _ request: Request,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    let owed = Completion<Result<Response, PDError>>(
      abandoned: .failure(.stopped), completion)
    send(PDCall(method, request, owed)) { owed(.failure($0)) }
  }

  private func send(_ call: PDCall, otherwise: (PDError) -> Void) {
    guard !mailbox.send(.call(call)) else { return }
    otherwise(PDError(.unavailable, "the placement driver is busy or stopping"))
  }

  /// Registers everything.
  package func register(on router: inout MethodRouter) {
    registerCluster(on: &router)
    registerRegions(on: &router)
    registerSafePoints(on: &router)
    registerStreams(on: &router)
  }

  private func registerCluster(on router: inout MethodRouter) {
    unary("pdpb.PD/GetMembers", on: &router, PDCore.getMembers)
    unary("pdpb.PD/GetClusterInfo", on: &router, PDCore.getClusterInfo)
    unary("pdpb.PD/Bootstrap", on: &router, PDCore.bootstrap)
    unary("pdpb.PD/IsBootstrapped", on: &router, PDCore.isBootstrapped)
    unary("pdpb.PD/AllocID", on: &router, PDCore.allocID)
    unary("pdpb.PD/GetStore", on: &router, PDCore.getStore)
    unary("pdpb.PD/PutStore", on: &router, PDCore.putStore)
    unary("pdpb.PD/GetAllStores", on: &router, PDCore.getAllStores)
    unary("pdpb.PD/StoreHeartbeat", on: &router, PDCore.storeHeartbeat)
    unary("pdpb.PD/GetClusterConfig", on: &router, PDCore.getClusterConfig)
    unary("pdpb.PD/PutClusterConfig", on: &router, PDCore.putClusterConfig)
    unary("pdpb.PD/GetMinTS", on: &router, PDCore.getMinTS)
    unary("pdpb.PD/ReportMinResolvedTS", on: &router, PDCore.reportMinResolvedTS)
    unary("etcdserverpb.Cluster/MemberList", on: &router, PDCore.memberList)
    unary("etcdserverpb.KV/Range", on: &router, PDCore.etcdRange)
    unary("meta_storagepb.MetaStorage/Get", on: &router, PDCore.metaStorageGet)
    unary("keyspacepb.Keyspace/LoadKeyspace", on: &router, PDCore.loadKeyspace)
  }

  private func registerRegions(on router: inout MethodRouter) {
    unary("pdpb.PD/GetRegion", on: &router, PDCore.getRegion)
    unary("pdpb.PD/GetPrevRegion", on: &router, PDCore.getPrevRegion)
    unary("pdpb.PD/GetRegionByID", on: &router, PDCore.getRegionByID)
    unary("pdpb.PD/ScanRegions", on: &router, PDCore.scanRegions)
    unary("pdpb.PD/BatchScanRegions", on: &router, PDCore.batchScanRegions)
    unary("pdpb.PD/AskSplit", on: &router, PDCore.askSplit)
    unary("pdpb.PD/ReportSplit", on: &router, PDCore.reportSplit)
    unary("pdpb.PD/AskBatchSplit", on: &router, PDCore.askBatchSplit)
    unary("pdpb.PD/ReportBatchSplit", on: &router, PDCore.reportBatchSplit)
    unary("pdpb.PD/ScatterRegion", on: &router, PDCore.scatterRegion)
    unary("pdpb.PD/GetOperator", on: &router, PDCore.getOperator)
  }

  private func registerSafePoints(on router: inout MethodRouter) {
    unary("pdpb.PD/GetGCSafePoint", on: &router, PDCore.getGCSafePoint)
    unary("pdpb.PD/UpdateGCSafePoint", on: &router, PDCore.updateGCSafePoint)
    unary(
      "pdpb.PD/UpdateServiceGCSafePoint", on: &router, PDCore.updateServiceGCSafePoint)
    unary("pdpb.PD/GetGCState", on: &router, PDCore.getGCState)
    unary("pdpb.PD/AdvanceTxnSafePoint", on: &router, PDCore.advanceTxnSafePoint)
    unary("pdpb.PD/AdvanceGCSafePoint", on: &router, PDCore.advanceGCSafePoint)
  }

  private func registerStreams(on router: inout MethodRouter) {
    let service = self
    router.stream("/pdpb.PD/Tso") { call in
      PDRequestStream(service, call, PDCore.tso, .each)
    }
    router.stream("/pdpb.PD/QueryRegion") { call in
      PDRequestStream(service, call, PDCore.queryRegion, .each)
    }
    router.stream("/pdpb.PD/ReportBuckets") { call in
      PDRequestStream(service, call, PDCore.reportBuckets, .last)
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
        request = try MessageCoding.decode(payload, malformed: .internal)
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
  init(_ error: PDError) {
    self.init(RPCCode(rawValue: error.code.rawValue) ?? .unknown, error.message)
  }
}
