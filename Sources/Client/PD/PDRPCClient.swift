import NIOCore
import RPC
import Runtime
import Synchronization
import Wire

/// Calls PD at the first of its endpoints that responds.
final class PDRPCClient: Sendable {
  private struct State {
    /// The configured endpoints.
    let endpoints: [String]
    /// Endpoints that the members named, the leader's first.
    var discovered: [String] = []
    /// The endpoint that is called until it fails.
    var current: String?
    var clusterID: UInt64 = 0
  }

  private let links: StoreLinks
  private let options: ClientOptions
  private let time: ClientTime
  private let state: Mutex<State>

  init(
    endpoints: [String], options: ClientOptions, links: StoreLinks, time: ClientTime
  ) throws(ClientError) {
    guard !endpoints.isEmpty else {
      throw .invalidArgument("no placement driver endpoint given")
    }
    var plain: [String] = []
    for endpoint in endpoints {
      guard let target = RPCTarget(endpoint) else {
        throw .invalidArgument(
          "invalid placement driver endpoint '\(endpoint)': expected host:port")
      }
      if !plain.contains("\(target)") { plain.append("\(target)") }
    }
    self.links = links
    self.options = options
    self.time = time
    state = Mutex(State(endpoints: plain))
  }

  var clusterID: UInt64 { state.withLock { $0.clusterID } }

  /// Finds an endpoint that responds.
  func connect() async throws(ClientError) {
    var budget = RetryBudget(options, time: time, within: options.connectTimeout)
    while true {
      do {
        _ = try await findEndpoint(timeout: max(budget.remaining, .seconds(1)))
        return
      } catch {
        switch error {
        case .endpoint(let message):
          do throws(ClientError) {
            try await budget.pause(RetryReason(pause: .pd, cause: .pd(message)))
          } catch {
            if case .cancelled = error { throw error }
            throw .unreachable(message)
          }
        case .rejected(_, let message), .refused(let message): throw .refused(message)
        }
      }
    }
  }

  // MARK: Calling

  /// Calls until there is a response. An error in its header, or none within the budget, throws.
  func call<Response: PDClientResponse>(
    _ method: String, _ request: some PDClientRequest, as type: Response.Type = Response.self,
    _ budget: inout RetryBudget
  ) async throws(ClientError) -> Response {
    while true {
      do throws(PDFailure) {
        return try await callOnce(method, request, timeout: budget.remaining)
      } catch {
        let retryReason: RetryReason
        switch error {
        case .endpoint(let message):
          retryReason = RetryReason(pause: .pd, cause: .pd(message))
        case .rejected(.notBootstrapped, let message):
          retryReason = RetryReason(pause: .pd, cause: .pd(message))
        case .rejected(let type, let message):
          let text = message.isEmpty ? "error \(type)" : message
          throw budget.final(.refused("placement driver: \(text)"))
        case .refused(let message): throw budget.final(.refused("placement driver: \(message)"))
        }
        try await budget.pause(retryReason)
      }
    }
  }

  /// One call at the current endpoint and, if that fails, at another one that responds.
  func callOnce<Response: PDClientResponse>(
    _ method: String, _ request: some PDClientRequest, as type: Response.Type = Response.self,
    timeout: Duration
  ) async throws(PDFailure) -> Response {
    if let endpoint = state.withLock({ $0.current }) {
      do throws(PDFailure) {
        return try await call(endpoint, method, request, timeout: timeout)
      } catch .endpoint {
        state.withLock { if $0.current == endpoint { $0.current = nil } }
      }
    }
    let endpoint = try await findEndpoint(timeout: timeout)
    return try await call(endpoint, method, request, timeout: timeout)
  }

  private func call<Response: PDClientResponse>(
    _ endpoint: String, _ method: String, _ request: some PDClientRequest, timeout: Duration
  ) async throws(PDFailure) -> Response {
    let link = try await readyLink(to: endpoint)
    var request = request
    request.header.clusterID = clusterID
    let response: Response
    do {
      let limit = max(.milliseconds(1), min(timeout, options.attemptTimeout))
      response = try await link.channel.unary(
        "/pdpb.PD/\(method)", request,
        options: CallOptions(timeout: .nanoseconds(limit.asNanoseconds)))
    } catch {
      throw Self.failure(error, endpoint)
    }
    if response.header.hasError, response.header.error.type != .ok {
      throw .rejected(response.header.error.type, response.header.error.message)
    }
    return response
  }

  private func readyLink(to endpoint: String) async throws(PDFailure) -> ServerLink {
    guard let link = links.link(to: endpoint) else {
      throw .refused("the client is closed")
    }
    guard await link.isReady() else { throw .endpoint("cannot connect to \(endpoint)") }
    return link
  }

  private static func failure(_ status: RPCStatus, _ endpoint: String) -> PDFailure {
    switch status.code {
    // `unknown` is a refusal of PD: every endpoint would return it.
    case .unavailable, .deadlineExceeded, .cancelled, .internal, .aborted, .resourceExhausted:
      .endpoint("\(endpoint): \(status)")
    default: .refused("\(endpoint): \(status)")
    }
  }

  // MARK: Finding

  /// Requests the members from each endpoint in turn, and chooses the leader, or the endpoint that responded if the
  /// leader cannot be reached at its address.
  private func findEndpoint(timeout: Duration) async throws(PDFailure) -> String {
    var failure = PDFailure.endpoint("no endpoint")
    for endpoint in candidates {
      do throws(PDFailure) {
        let members = try await members(at: endpoint, timeout: timeout)
        let leaders = Self.targets([members.leader])
        let chosen = await reachable(leaders) ?? endpoint
        state.withLock { state in
          state.clusterID = members.header.clusterID
          state.discovered = leaders + Self.targets(members.members)
          state.current = chosen
        }
        return chosen
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private var candidates: [String] {
    state.withLock { state in
      var all: [String] = []
      for endpoint in state.discovered + state.endpoints where !all.contains(endpoint) {
        all.append(endpoint)
      }
      return all
    }
  }

  private static func targets(_ members: [Pdpb_Member]) -> [String] {
    members.flatMap(\.clientUrls).compactMap { RPCTarget($0)?.description }
  }

  private func reachable(_ endpoints: [String]) async -> String? {
    for endpoint in endpoints {
      if let link = links.link(to: endpoint), await link.isReady() { return endpoint }
    }
    return nil
  }

  private func members(
    at endpoint: String, timeout: Duration
  ) async throws(PDFailure) -> Pdpb_GetMembersResponse {
    let response: Pdpb_GetMembersResponse = try await call(
      endpoint, "GetMembers", Pdpb_GetMembersRequest(), timeout: timeout)
    let (expected, found) = (clusterID, response.header.clusterID)
    guard expected == 0 || expected == found else {
      throw .endpoint("\(endpoint) belongs to cluster \(found), not to \(expected)")
    }
    return response
  }

  /// The members as PD knows them now.
  func members(_ budget: inout RetryBudget) async throws(ClientError) -> Pdpb_GetMembersResponse {
    try await call("GetMembers", Pdpb_GetMembersRequest(), &budget)
  }

  /// The endpoint in use, as `host:port`; it has just responded.
  func endpoint(_ budget: inout RetryBudget) async throws(ClientError) -> String {
    _ = try await members(&budget)
    guard let endpoint = state.withLock({ $0.current }) else {
      throw .unreachable("the client is closed")
    }
    return endpoint
  }

  /// The connection in use, for streams.
  func link(_ budget: inout RetryBudget) async throws(ClientError) -> ServerLink {
    _ = try await members(&budget)
    guard let endpoint = state.withLock({ $0.current }), let link = links.link(to: endpoint) else {
      throw .unreachable("the client is closed")
    }
    return link
  }
}
