package import Logging
package import NIOCore
import NIOPosix
package import RPC

/// The HTTP port for people and monitoring: `/status`, `/metrics`, `/ready` and what else is registered.
///
/// GET and HEAD only, one request at a time per connection, bodies ignored; slow and idle clients are
/// disconnected. Routes run on the event loop and must not block.
package final class StatusServer: Sendable {
  private let listener: Listener

  /// Starts listening.
  ///
  /// - Parameters:
  ///   - port: 0 lets the system choose; see `port`.
  ///   - connections: how many are accepted; for this server alone.
  ///   - limits: how long and how large requests may be.
  package static func start(
    host: String, port: Int, group: any EventLoopGroup, logger: Logger,
    connections: ConnectionLimit, limits: HTTPService.Limits = .init(), routes: [StatusRoute]
  ) async throws -> StatusServer {
    var table: [String: StatusRoute] = [:]
    for route in routes { table[route.path] = route }
    let known = table
    let service = HTTPService(limits: limits) { request, done in answer(request, known, done) }
    let listener = try await Listener.open(host: host, port: port, group: group, logger: logger) {
      bootstrap(group, service, connections, logger)
    }
    return StatusServer(listener: listener)
  }

  private static func bootstrap(
    _ group: any EventLoopGroup, _ service: HTTPService, _ connections: ConnectionLimit,
    _ logger: Logger
  ) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          let gate = AcceptGate(limit: connections, logger: logger)
          try channel.pipeline.syncOperations.addHandler(gate)
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          _ = try HTTP1Handler.install(on: channel, service)
        }
      }
  }

  private static func answer(
    _ request: HTTPRequest, _ routes: [String: StatusRoute], _ done: @escaping HTTPService.Done
  ) {
    guard request.isRead else {
      return done(HTTPReply(code: 405, text: "only GET is served here\n"))
    }
    guard let route = routes[request.path] else {
      let known = routes.keys.sorted().joined(separator: "\n")
      return done(
        HTTPReply(code: 404, text: "nothing at \(request.path); there is:\n\(known)\n"))
    }
    route.answer { reply in
      done(
        HTTPReply(
          code: Int(reply.code), contentType: reply.contentType,
          body: ByteBuffer(string: reply.body)))
    }
  }

  private init(listener: Listener) {
    self.listener = listener
  }

  /// The port listened on.
  package var port: Int { listener.address.port ?? 0 }

  /// Stops listening.
  package func stop() async {
    try? await listener.close().get()
  }
}

/// One path of the status port and what it responds.
package struct StatusRoute: Sendable {
  /// Takes the response, once, on any thread.
  package typealias Done = @Sendable (StatusReply) -> Void

  package var path: String
  package var answer: @Sendable (@escaping Done) -> Void

  /// A response that is there at once.
  package init(_ path: String, _ answer: @escaping @Sendable () -> StatusReply) {
    self.init(path, asking: { done in done(answer()) })
  }

  /// A response that must be asked for.
  package init(_ path: String, asking answer: @escaping @Sendable (@escaping Done) -> Void) {
    self.path = path
    self.answer = answer
  }
}

/// An HTTP response of the status port.
package struct StatusReply: Sendable {
  package var code: UInt
  package var contentType: String
  package var body: String

  package init(code: UInt = 200, contentType: String = "text/plain; charset=utf-8", body: String) {
    self.code = code
    self.contentType = contentType
    self.body = body
  }
}
