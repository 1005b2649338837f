package import Codec
import Logging
import PlacementDriver
import Protobuf
import RPC
import Runtime
import SwiftProtobuf
import Wire

/// PD as a store sees it over the network.
package final class RemotePDClient: PDClient {
  let connection: PDConnection
  private let heartbeats: RegionHeartbeatSender

  init(connection: PDConnection, host: any WorkerHost, logger: Logger) {
    self.connection = connection
    heartbeats = RegionHeartbeatSender(connection: connection, host: host, logger: logger)
  }

  /// Ends all calls and the heartbeat stream; pending calls fail with `unreachable`.
  package func close() {
    heartbeats.close()
    connection.close()
  }

  package func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void)
  {
    connection.clusterID { completion($0.mapError(PDClientError.init)) }
  }

  package func allocateID(
    _ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void
  ) {
    call("AllocID", { header in Pdpb_AllocIDRequest.with { $0.header = header } }, completion) {
      (response: Pdpb_AllocIDResponse) throws(CodecError) in
      guard response.id != 0 else { throw CodecError(.missing, "id") }
      return response.id
    }
  }

  package func isBootstrapped(
    _ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void
  ) {
    call(
      "IsBootstrapped", { header in Pdpb_IsBootstrappedRequest.with { $0.header = header } },
      completion
    ) { (response: Pdpb_IsBootstrappedResponse) in response.bootstrapped }
  }

  package func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    call(
      "Bootstrap",
      { header in
        Pdpb_BootstrapRequest.with {
          $0.header = header
          $0.store = store.wire
          $0.region = region.wire
        }
      }, completion
    ) { (_: Pdpb_BootstrapResponse) in }
  }

  package func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    call(
      "PutStore",
      { header in
        Pdpb_PutStoreRequest.with {
          $0.header = header
          $0.store = store.wire
        }
      }, completion
    ) { (_: Pdpb_PutStoreResponse) in }
  }

  package func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    call(
      "GetStore",
      { header in
        Pdpb_GetStoreRequest.with {
          $0.header = header
          $0.storeID = id
        }
      }, completion
    ) { (response: Pdpb_GetStoreResponse) throws(CodecError) in try StoreInfo(response.store) }
  }

  package func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    call(
      "GetRegion",
      { header in
        Pdpb_GetRegionRequest.with {
          $0.header = header
          $0.regionKey = key.data
        }
      }, completion
    ) { (response: Pdpb_GetRegionResponse) throws(CodecError) in
      response.hasRegion ? try Region(response.region) : nil
    }
  }

  package func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    call(
      "GetRegionByID",
      { header in
        Pdpb_GetRegionByIDRequest.with {
          $0.header = header
          $0.regionID = id
        }
      }, completion
    ) { (response: Pdpb_GetRegionResponse) throws(CodecError) in
      response.hasRegion ? try Region(response.region) : nil
    }
  }

  package func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void
  ) {
    call(
      "AskBatchSplit",
      { header in
        Pdpb_AskBatchSplitRequest.with {
          $0.header = header
          $0.region = region.wire
          $0.splitCount = count
        }
      }, completion
    ) { (response: Pdpb_AskBatchSplitResponse) in
      response.ids.map { SplitIDs(regionID: $0.newRegionID, peerIDs: $0.newPeerIds) }
    }
  }

  package func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    call(
      "ReportBatchSplit",
      { header in
        Pdpb_ReportBatchSplitRequest.with {
          $0.header = header
          $0.regions = regions.map(\.wire)
        }
      }, completion
    ) { (_: Pdpb_ReportBatchSplitResponse) in }
  }

  package func storeHeartbeat(
    _ heartbeat: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void
  ) {
    let stats: Pdpb_StoreStats
    do throws(PDError) {
      stats = try heartbeat.wire()
    } catch {
      return completion(.failure(PDClientError(error)))
    }
    call(
      "StoreHeartbeat",
      { header in
        Pdpb_StoreHeartbeatRequest.with {
          $0.header = header
          $0.stats = stats
          if let report = heartbeat.report { $0.storeReport = report.wire }
        }
      }, completion
    ) { (response: Pdpb_StoreHeartbeatResponse) throws(CodecError) in
      response.hasRecoveryPlan ? try RecoveryPlan(response.recoveryPlan) : nil
    }
  }

  package func regionHeartbeat(_ heartbeat: RegionHeartbeat) { heartbeats.report(heartbeat) }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    heartbeats.onOperator(receive)
  }

  package func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    heartbeats.onRefusal(receive)
  }

  package func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    call(
      "ReportMinResolvedTS",
      { header in
        Pdpb_ReportMinResolvedTsRequest.with {
          $0.header = header
          $0.storeID = storeID
          $0.minResolvedTs = timestamp
        }
      }, completion
    ) { (_: Pdpb_ReportMinResolvedTsResponse) in }
  }

  /// One call. A refusal in the response's header is a failure like any other.
  ///
  /// - Parameters:
  ///   - request: makes the request around a header.
  ///   - value: converts the response.
  private func call<Request: Message, Response: PDResponse & Message, Value: Sendable>(
    _ method: String, _ request: @escaping @Sendable (Pdpb_RequestHeader) -> Request,
    _ completion: @escaping @Sendable (Result<Value, PDClientError>) -> Void,
    _ value: @escaping @Sendable (Response) throws(CodecError) -> Value
  ) {
    connection.call("/pdpb.PD/\(method)", request) { (result: Result<Response, RPCStatus>) in
      switch result {
      case .failure(let status): completion(.failure(PDClientError(status)))
      case .success(let response):
        if response.header.hasError {
          return completion(.failure(PDClientError(response.header.error)))
        }
        completion(
          Result { () throws(CodecError) in try value(response) }
            .mapError { .refused("malformed response to \(method): \($0)") })
      }
    }
  }
}

extension PDClientError {
  init(_ status: RPCStatus) {
    self = status.meansUnreachable ? .unreachable(status.message) : .refused("\(status)")
  }

  /// A refusal in the header of a response.
  init(_ error: Pdpb_Error) {
    switch error.type {
    case .alreadyBootstrapped: self = .alreadyBootstrapped
    case .notBootstrapped: self = .notBootstrapped
    case .duplicatedEntry: self = .replaced(error.message)
    case .storeTombstone: self = .storeTombstone(error.message)
    default: self = .refused(error.message)
    }
  }
}
