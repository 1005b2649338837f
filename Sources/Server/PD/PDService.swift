package import Codec
package import PlacementDriver
package import RPC
package import Runtime
import SwiftProtobuf
import Synchronization
import Wire

/// `pdpb.PD` and the methods that its clients expect beside it on the same port. Each call goes through PD's mailbox;
/// messages of protobuf end here (`PDMethods`).
package final class PDService: Sendable {
  typealias Method<Request, Response> =
    @Sendable (PDCore, Request, ClockReading) throws(PDError) -> Response

  private let mailbox: Mailbox<PDMessage>
  private let timestamps: Mailbox<TimestampRequest>
  private let clusterID: UInt64
  private let heartbeats = HeartbeatStreams()
  /// The streams that end when the process stops.
  let streams: OpenStreams
  let host: any WorkerHost
  /// Requests that wait for what PD has begun.
  private let waiting = Atomic<Int>(0)

  package init(
    mailbox: Mailbox<PDMessage>, timestamps: Mailbox<TimestampRequest>, clusterID: UInt64,
    streams: OpenStreams, host: any WorkerHost
  ) {
    self.mailbox = mailbox
    self.timestamps = timestamps
    self.clusterID = clusterID
    self.streams = streams
    self.host = host
  }

  /// Whether one more request may wait.
  func beginWaiting(_ limit: Int) -> Bool {
    let (before, _) = waiting.add(1, ordering: .relaxed)
    if before >= limit { endWaiting() }
    return before < limit
  }

  func endWaiting() { waiting.subtract(1, ordering: .relaxed) }

  /// Sends operator steps on the heartbeat streams of the leaders' stores. A step for a store without a stream is
  /// dropped: PD repeats it.
  package func deliver(_ steps: [RegionOperator]) {
    for step in steps { heartbeats.send(step.wire(clusterID), toStore: step.leader.storeID) }
  }

  /// A call that is not a method of the protocol, for the HTTP API.
  func call<Response: Sendable>(
    _ body: @escaping @Sendable (PDCore, ClockReading) throws(PDError) -> Response,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    mailbox.call(body, completion)
  }

  /// Calls a method; the completion runs on PD's thread, or on this one if PD is busy or stopping.
  func call<Request: Sendable, Response: Sendable>(
    _ method: @escaping Method<Request, Response>, _ request: Request,
    _ completion: @escaping @Sendable (Result<Response, PDError>) -> Void
  ) {
    mailbox.call(
      { (core, reading) throws(PDError) in try method(core, request, reading) }, completion)
  }

  /// One message of a `Tso` stream, which goes past PD's mailbox. An error ends the stream.
  private func takeTimestamps(
    _ request: Pdpb_TsoRequest,
    _ completion: @escaping @Sendable (Result<Pdpb_TsoResponse, PDError>) -> Void
  ) {
    let clusterID = clusterID
    guard request.header.clusterID == clusterID else {
      return completion(.failure(.mismatch(clusterID, request.header.clusterID)))
    }
    timestamps.take(UInt64(request.count)) { result in
      completion(
        result.map { last in
          var response = Pdpb_TsoResponse()
          response.header.clusterID = clusterID
          response.timestamp = last.wire
          response.count = request.count
          return response
        })
    }
  }

  /// Registers all methods that are served.
  package func register(on router: inout MethodRouter) {
    registerCluster(on: &router)
    registerRegions(on: &router)
    registerSplits(on: &router)
    registerSafePoints(on: &router)
    registerStreams(on: &router)
  }

  private func registerCluster(on router: inout MethodRouter) {
    unary("pdpb.PD/GetMembers", on: &router, PDMethods.getMembers)
    unary("pdpb.PD/GetClusterInfo", on: &router, PDMethods.getClusterInfo)
    unary("pdpb.PD/Bootstrap", on: &router, PDMethods.bootstrap)
    unary("pdpb.PD/IsBootstrapped", on: &router, PDMethods.isBootstrapped)
    unary("pdpb.PD/AllocID", on: &router, PDMethods.allocID)
    unary("pdpb.PD/GetStore", on: &router, PDMethods.getStore)
    unary("pdpb.PD/PutStore", on: &router, PDMethods.putStore)
    unary("pdpb.PD/GetAllStores", on: &router, PDMethods.getAllStores)
    unary("pdpb.PD/StoreHeartbeat", on: &router, PDMethods.storeHeartbeat)
    unary("pdpb.PD/GetClusterConfig", on: &router, PDMethods.getClusterConfig)
    unary("pdpb.PD/PutClusterConfig", on: &router, PDMethods.putClusterConfig)
    unary("pdpb.PD/GetMinTS", on: &router, PDMethods.getMinTS)
    unary("pdpb.PD/ReportMinResolvedTS", on: &router, PDMethods.reportMinResolvedTS)
    unary("etcdserverpb.Cluster/MemberList", on: &router, PDMethods.memberList)
    unary("etcdserverpb.KV/Range", on: &router, PDMethods.etcdRange)
    unary("meta_storagepb.MetaStorage/Get", on: &router, PDMethods.metaStorageGet)
    unary("keyspacepb.Keyspace/LoadKeyspace", on: &router, PDMethods.loadKeyspace)
  }

  private func registerRegions(on router: inout MethodRouter) {
    unary("pdpb.PD/GetRegion", on: &router, PDMethods.getRegion)
    unary("pdpb.PD/GetPrevRegion", on: &router, PDMethods.getPrevRegion)
    unary("pdpb.PD/GetRegionByID", on: &router, PDMethods.getRegionByID)
    unary("pdpb.PD/ScanRegions", on: &router, PDMethods.scanRegions)
    unary("pdpb.PD/BatchScanRegions", on: &router, PDMethods.batchScanRegions)
    unary("pdpb.PD/AskSplit", on: &router, PDMethods.askSplit)
    unary("pdpb.PD/ReportSplit", on: &router, PDMethods.reportSplit)
    unary("pdpb.PD/AskBatchSplit", on: &router, PDMethods.askBatchSplit)
    unary("pdpb.PD/ReportBatchSplit", on: &router, PDMethods.reportBatchSplit)
    unary("pdpb.PD/ScatterRegion", on: &router, PDMethods.scatterRegion)
    unary("pdpb.PD/GetOperator", on: &router, PDMethods.getOperator)
  }

  private func registerSafePoints(on router: inout MethodRouter) {
    unary("pdpb.PD/GetGCSafePoint", on: &router, PDMethods.getGCSafePoint)
    unary("pdpb.PD/UpdateGCSafePoint", on: &router, PDMethods.updateGCSafePoint)
    unary(
      "pdpb.PD/UpdateServiceGCSafePoint", on: &router, PDMethods.updateServiceGCSafePoint)
    unary("pdpb.PD/GetGCState", on: &router, PDMethods.getGCState)
    unary("pdpb.PD/AdvanceTxnSafePoint", on: &router, PDMethods.advanceTxnSafePoint)
    unary("pdpb.PD/AdvanceGCSafePoint", on: &router, PDMethods.advanceGCSafePoint)
  }

  private func registerStreams(on router: inout MethodRouter) {
    let service = self
    router.stream("/pdpb.PD/Tso") { call in
      PDRequestStream(service, call, .each) { service.takeTimestamps($0, $1) }
    }
    router.stream("/pdpb.PD/QueryRegion") { call in
      PDRequestStream(service, call, .each) { service.call(PDMethods.queryRegion, $0, $1) }
    }
    router.stream("/pdpb.PD/ReportBuckets") { call in
      PDRequestStream(service, call, .last) { service.call(PDMethods.reportBuckets, $0, $1) }
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
