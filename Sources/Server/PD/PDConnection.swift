import Logging
import NIOCore
import RPC
import SwiftProtobuf
import Synchronization
import Wire

/// A connection to PD: several endpoints, of which one is used until it fails.
///
/// Calls never block; completions run on an event loop, exactly once.
final class PDConnection: Sendable {
  private struct State {
    var current = 0
    /// Fetched once with `GetMembers`; every other request must carry it.
    var clusterID: UInt64?
  }

  private let channels: [RPCChannel]
  private let state = Mutex(State())

  /// - Parameter endpoints: at least one.
  init(
    endpoints: [RPCTarget], group: any EventLoopGroup, tls: ClientTLS? = nil, logger: Logger
  ) {
    precondition(!endpoints.isEmpty, "no endpoint of PD")
    var configuration = ClientConfiguration()
    configuration.tls = tls
    configuration.maxBackoff = .seconds(1)
    channels = endpoints.map {
      RPCChannel(target: $0, group: group, configuration: configuration, logger: logger)
    }
  }

  /// Ends all calls.
  func close() {
    for channel in channels { channel.close() }
  }

  /// The channel in use.
  var channel: RPCChannel { channels[state.withLock { $0.current }] }

  /// Uses the next endpoint from now on, if `failed` is still the one in use.
  func abandon(_ failed: RPCChannel) {
    state.withLock { state in
      guard channels[state.current] === failed else { return }
      state.current = (state.current + 1) % channels.count
    }
  }

  /// The cluster's id, if it is known already.
  var knownClusterID: UInt64? { state.withLock { $0.clusterID } }

  /// The cluster's id.
  func clusterID(
    _ completion: @escaping @Sendable (Result<UInt64, RPCStatus>) -> Void
  ) {
    if let known = knownClusterID { return completion(.success(known)) }
    members { result in completion(result.map(\.header.clusterID)) }
  }

  /// The response of the first endpoint that responds to `GetMembers`.
  func members(
    _ completion: @escaping @Sendable (Result<Pdpb_GetMembersResponse, RPCStatus>) -> Void
  ) {
    attempt("/pdpb.PD/GetMembers", .seconds(3), left: channels.count) { _ in
      Pdpb_GetMembersRequest()
    } _: { [self] (result: Result<Pdpb_GetMembersResponse, RPCStatus>) in
      guard case .success(let members) = result else { return completion(result) }
      let id = members.header.clusterID
      guard id != 0 else {
        return completion(.failure(RPCStatus(.internal, "the placement driver has no cluster id")))
      }
      state.withLock { $0.clusterID = id }
      completion(result)
    }
  }

  /// Calls a method. When an endpoint does not respond, the next one is called.
  ///
  /// - Parameter request: makes the request around the header, which names the cluster.
  func call<Request: Message, Response: Message>(
    _ path: String, timeout: TimeAmount = .seconds(3),
    _ request: @escaping @Sendable (Pdpb_RequestHeader) -> Request,
    _ completion: @escaping @Sendable (Result<Response, RPCStatus>) -> Void
  ) {
    clusterID { [self] result in
      if case .failure(let status) = result { return completion(.failure(status)) }
      attempt(path, timeout, left: channels.count, request, completion)
    }
  }

  private func attempt<Request: Message, Response: Message>(
    _ path: String, _ timeout: TimeAmount, left: Int,
    _ request: @escaping @Sendable (Pdpb_RequestHeader) -> Request,
    _ completion: @escaping @Sendable (Result<Response, RPCStatus>) -> Void
  ) {
    let channel = channel
    let header = Pdpb_RequestHeader.with { $0.clusterID = knownClusterID ?? 0 }
    do throws(RPCStatus) {
      try channel.unary(
        path, request(header), as: Response.self, options: CallOptions(timeout: timeout)
      ) { [self] result in
        guard case .failure(let status) = result, status.meansUnreachable else {
          return completion(result)
        }
        abandon(channel)
        if left > 1 {
          attempt(path, timeout, left: left - 1, request, completion)
        } else {
          completion(result)
        }
      }
    } catch {
      completion(.failure(error))
    }
  }
}

extension RPCStatus {
  /// Whether another endpoint, or a later try, may do better.
  var meansUnreachable: Bool {
    switch code {
    case .unavailable, .deadlineExceeded, .cancelled: true
    default: false
    }
  }
}
