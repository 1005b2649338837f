import FoundationEssentials
import NIOCore
import NIOPosix
import RPC
import Runtime

/// The placement driver's HTTP API, in which administrators inspect and change a cluster.
package struct PDAdminClient: Sendable {
  /// HTTP's methods that the API has.
  package enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case delete = "DELETE"
  }

  let session: ClusterSession

  /// Sends one request to the placement driver's current endpoint. A change is not repeated: if no response arrives, it
  /// may have been made.
  ///
  /// - Parameters:
  ///   - path: below `/pd/api/v1/`, with the query.
  ///   - body: JSON; empty for none.
  /// - Returns: the body of a response of status 200.
  /// - Throws: `notFound` or `refused` with the message of any other response; `undetermined` if the response to a
  ///   change is missing.
  package func call(
    _ method: Method, _ path: String, body: [UInt8] = []
  ) async throws(ClientError) -> [UInt8] {
    var budget = session.budget()
    let endpoint = try await session.pd.endpoint(&budget)
    let timeout = max(.milliseconds(1), min(budget.remaining, session.options.attemptTimeout))
    let reply: (code: UInt, body: [UInt8])
    do throws(ClientError) {
      reply = try await StatusClient.send(
        method.rawValue, "/pd/api/v1/" + path, body: body, to: endpoint,
        group: MultiThreadedEventLoopGroup.singleton,
        timeout: .nanoseconds(timeout.asNanoseconds))
    } catch .unreachable(let message) where method != .get {
      throw .undetermined(last: .pd(message))
    }
    guard reply.code != 200 else { return reply.body }
    let message = Self.message(reply.body)
    throw reply.code == 404 ? .notFound(message) : .refused("placement driver: \(message)")
  }

  /// The text of a refusal, which is a JSON string or plain.
  private static func message(_ body: [UInt8]) -> String {
    if let text = try? JSONDecoder().decode(String.self, from: Data(body)) { return text }
    return String(decoding: body.prefix(1024), as: UTF8.self)
  }
}

extension ClusterClient {
  /// The placement driver's HTTP API.
  package var admin: PDAdminClient { PDAdminClient(session: session) }
}
