package import Codec
import NIOCore
import Protobuf
import RPC
import Wire

extension RemotePDClient {
  /// One timestamp, on a stream of its own: stores need one in a while.
  package func timestamp(
    _ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void
  ) {
    connection.clusterID { [connection] result in
      let clusterID: UInt64
      switch result {
      case .failure(let status): return completion(.failure(PDClientError(status)))
      case .success(let id): clusterID = id
      }
      let channel = connection.channel
      channel.openStream("/pdpb.PD/Tso", options: CallOptions(timeout: .seconds(3))) { stream in
        var request = Pdpb_TsoRequest()
        request.header.clusterID = clusterID
        request.count = 1
        stream.send(message: request)
        stream.finish()
        return TimestampReceiver { result in
          if case .failure(.unreachable) = result { connection.abandon(channel) }
          completion(result)
        }
      }
    }
  }
}

/// Receives one response of a `Tso` stream.
private final class TimestampReceiver: ClientStreamHandler {
  private let completion: (Result<Timestamp, PDClientError>) -> Void
  private var received: Result<Timestamp, PDClientError>?

  init(_ completion: @escaping (Result<Timestamp, PDClientError>) -> Void) {
    self.completion = completion
  }

  func onMessage(_ message: ByteBuffer) {
    guard received == nil else { return }
    do throws(RPCStatus) {
      received = Self.timestamp(try MessageCoding.decode(reply: message))
    } catch {
      received = .failure(.refused("malformed response to Tso: \(error)"))
    }
  }

  func onClose(_ status: RPCStatus) {
    completion(received ?? .failure(status.isOK ? .refused("no timestamp") : PDClientError(status)))
  }

  private static func timestamp(
    _ response: Pdpb_TsoResponse
  ) -> Result<Timestamp, PDClientError> {
    if response.header.hasError { return .failure(PDClientError(response.header.error)) }
    let (physical, logical) = (response.timestamp.physical, response.timestamp.logical)
    guard response.hasTimestamp, physical > 0, physical >> (64 - Timestamp.logicalBits) == 0,
      logical >= 0, UInt64(logical) <= Timestamp.maxLogical
    else { return .failure(.refused("\(physical), \(logical) is not a timestamp")) }
    return .success(Timestamp(physical: UInt64(physical), logical: UInt64(logical)))
  }
}
