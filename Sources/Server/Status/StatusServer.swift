package import Logging
package import NIOCore
import NIOPosix
package import RPC

/// The HTTP port for people and monitoring: `/status`, `/metrics`, `/ready` and what else is registered.
///
/// GET and HEAD only, one request at a time per connection, bodies ignored; slow and idle clients are
/// disconnected, sooner when others want in. It has an event loop of its own, so that what is asked of it
/// delays neither clients nor raft messages. Routes run there; they may take milliseconds but must not wait.
package final class StatusServer: Sendable {
  private let listener: Listener

  /// Starts listening.
  ///
  /// - Parameters:
  ///   - loop: serves nothing else; must outlive the server and all requests to it.
  ///   - port: 0 lets the system choose; see `port`.
  ///   - connections: how many are accepted; for this server alone.
  ///   - limits: how long and how large requests may be.
  package static func start(
    host: String, port: Int, loop: any EventLoop, logger: Logger, connections: ConnectionLimit,
    limits: HTTPService.Limits = .init(), routes: [StatusRoute]
  ) async throws -> StatusServer {
    var table: [String: StatusRoute] = [:]
    for route in routes { table[route.path] = route }
    let known = table
    let service = HTTPService(limits: limits) { request, done in
      answer(request, known, loop, done)
    }
    let open = try await loop.submit {
      NIOLoopBound(StatusConnections(capacity: connections.capacity), eventLoop: loop)
    }.get()
    let listener = try await Listener.open(host: host, port: port, group: loop, logger: logger) {
      bootstrap(loop, service, open, connections, logger)
    }
    return StatusServer(listener: listener)
  }

  private static func bootstrap(
    _ loop: any EventLoop, _ service: HTTPService, _ open: NIOLoopBound<StatusConnections>,
    _ connections: ConnectionLimit, _ logger: Logger
  ) -> ServerBootstrap {
    ServerBootstrap(group: loop)
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
          try open.value.add(channel, service)
        }
      }
  }

  private static func answer(
    _ request: HTTPRequest, _ routes: [String: StatusRoute], _ loop: any EventLoop,
    _ done: @escaping HTTPService.Done
  ) {
    guard request.isRead else {
      return done(HTTPReply(code: 405, text: "only GET is served here\n"))
    }
    guard let route = routes[request.path] else {
      let known = routes.keys.sorted().joined(separator: "\n")
      return done(
        HTTPReply(code: 404, text: "nothing at \(request.path); there is:\n\(known)\n"))
    }
    route.answer(request.query) { render in
      // A worker of the store hands over what it knows; to put it into words is not its work.
      loop.execute { done(HTTPReply(render())) }
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
  /// Takes, once and on any thread, what makes the response; it is run on the status port's event loop.
  package typealias Done = @Sendable (@escaping @Sendable () -> StatusReply) -> Void

  package var path: String
  /// Takes what follows `?` in the request, as sent.
  package var answer: @Sendable (_ query: String, @escaping Done) -> Void

  /// A response that is there at once.
  package init(_ path: String, _ answer: @escaping @Sendable () -> StatusReply) {
    self.init(path, asking: { _, done in done(answer) })
  }

  /// A response that must be asked for.
  package init(
    _ path: String, asking answer: @escaping @Sendable (_ query: String, @escaping Done) -> Void
  ) {
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

extension HTTPReply {
  fileprivate init(_ reply: StatusReply) {
    self.init(
      code: Int(reply.code), contentType: reply.contentType, body: ByteBuffer(string: reply.body))
  }
}
