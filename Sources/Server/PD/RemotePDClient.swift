package import Codec
import Logging
import PlacementDriver
import RPC
package import Raftstore
import Runtime
import SwiftProtobuf
import Wire

/// The placement driver of a store node, over the network.
package final class RemotePDClient: PDClient {
  private let connection: PDConnection
  private let heartbeats: RegionHeartbeatSender

  init(connection: PDConnection, host: any WorkerHost, logger: Logger) {
    self.connection = connection
    heartbeats = RegionHeartbeatSender(connection: connection, host: host, logger: logger)
  }

  /// Ends everything; what waits is completed `unreachable`.
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
    ask("AllocID", { header in Pdpb_AllocIDRequest.with { $0.header = header } }, completion) {
      (answer: Pdpb_AllocIDResponse) throws(CodecError) in
      guard answer.id != 0 else { throw CodecError(.missing, "id") }
      return answer.id
    }
  }

  package func isBootstrapped(
    _ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void
  ) {
    ask(
      "IsBootstrapped", { header in Pdpb_IsBootstrappedRequest.with { $0.header = header } },
      completion
    ) { (answer: Pdpb_IsBootstrappedResponse) in answer.bootstrapped }
  }

  package func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    ask(
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
    ask(
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
    ask(
      "GetStore",
      { header in
        Pdpb_GetStoreRequest.with {
          $0.header = header
          $0.storeID = id
        }
      }, completion
    ) { (answer: Pdpb_GetStoreResponse) throws(CodecError) in try StoreInfo(answer.store) }
  }

  package func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    ask(
      "GetRegion",
      { header in
        Pdpb_GetRegionRequest.with {
          $0.header = header
          $0.regionKey = key.data
        }
      }, completion
    ) { (answer: Pdpb_GetRegionResponse) throws(CodecError) in
      answer.hasRegion ? try Region(answer.region) : nil
    }
  }

  package func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    ask(
      "GetRegionByID",
      { header in
        Pdpb_GetRegionByIDRequest.with {
          $0.header = header
          $0.regionID = id
        }
      }, completion
    ) { (answer: Pdpb_GetRegionResponse) throws(CodecError) in
      answer.hasRegion ? try Region(answer.region) : nil
    }
  }

  package func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    ask(
      "StoreHeartbeat",
      { header in
        Pdpb_StoreHeartbeatRequest.with {
          $0.header = header
          $0.stats = statistics.wire
        }
      }, completion
    ) { (_: Pdpb_StoreHeartbeatResponse) in }
  }

  package func regionHeartbeat(_ heartbeat: RegionHeartbeat) { heartbeats.report(heartbeat) }

  package func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    heartbeats.onOperator(receive)
  }

  /// One question: a refusal in the response's header is a failure like any other.
  private func ask<Request: Message, Answer: PDResponse & Message, Value: Sendable>(
    _ method: String, _ request: @escaping @Sendable (Pdpb_RequestHeader) -> Request,
    _ completion: @escaping @Sendable (Result<Value, PDClientError>) -> Void,
    _ value: @escaping @Sendable (Answer) throws(CodecError) -> Value
  ) {
    connection.call("/pdpb.PD/\(method)", request) { (result: Result<Answer, RPCStatus>) in
      switch result {
      case .failure(let status): completion(.failure(PDClientError(status)))
      case .success(let answer):
        if answer.header.hasError {
          return completion(.failure(PDClientError(answer.header.error)))
        }
        completion(
          Result { () throws(CodecError) in try value(answer) }
            .mapError { .refused("malformed response to \(method): \($0)") })
      }
    }
  }
}

extension PDClientError {
  init(_ status: RPCStatus) {
    self = status.meansUnreachable ? .unreachable(status.message) : .refused("\(status)")
  }
}
