package import Logging
package import NIOCore
import NIOPosix
package import RPC

/// The HTTP server for people and monitoring: `/status`, `/metrics`, `/ready` and other registered routes.
///
/// It serves GET and HEAD, one request at a time per connection, and ignores bodies. Slow and idle clients are
/// disconnected, earlier when the limit of connections is reached. It has its own event loop, so that its
/// requests delay neither clients nor raft messages. Routes run on that loop; they may take milliseconds but
/// must not block.
package final class StatusServer: Sendable {
  private let listener: Listener

  /// Starts listening.
  ///
  /// - Parameters:
  ///   - port: 0 for any free port; see `port`.
  ///   - loop: used by this server only; it must outlive the server and all its requests.
  ///   - connections: the limit of connections, used by this server only.
  ///   - limits: the largest size and the longest duration of requests.
  package static func start(
    host: String, port: Int, loop: any EventLoop, logger: Logger, connections: ConnectionLimit,
    limits: HTTPService.Limits = .init(), routes: [StatusRoute]
  ) async throws -> StatusServer {
    var table: [String: StatusRoute] = [:]
    for route in routes { table[route.path] = route }
    let known = table
    let service = HTTPService(limits: limits) { request, done in
      respond(to: request, known, loop, done)
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
          let handler = AcceptPauseHandler(limit: connections, logger: logger)
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          try open.value.add(channel, service)
        }
      }
  }

  private static func respond(
    to request: HTTPRequest, _ routes: [String: StatusRoute], _ loop: any EventLoop,
    _ done: @escaping HTTPService.Done
  ) {
    guard request.isRead else {
      return done(HTTPReply(code: 405, text: "only GET and HEAD are served\n"))
    }
    guard let route = routes[request.path] else {
      let known = routes.keys.sorted().joined(separator: "\n")
      return done(
        HTTPReply(code: 404, text: "not found: \(request.path); paths:\n\(known)\n"))
    }
    route.handler(request.query) { render in
      // Rendering is work for this loop, not for the thread that gathered the data.
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

/// A path of the status port and its handler.
package struct StatusRoute: Sendable {
  /// Called once, on any thread, with a closure that renders the response; the closure runs on the event loop
  /// of the status port.
  package typealias Done = @Sendable (@escaping @Sendable () -> StatusReply) -> Void

  package var path: String
  /// Handles a request; `query` is the text after `?`, as it was sent. Runs on the event loop.
  package var handler: @Sendable (_ query: String, @escaping Done) -> Void

  /// A route whose response is rendered at once.
  package init(_ path: String, _ render: @escaping @Sendable () -> StatusReply) {
    self.init(path, handler: { _, done in done(render) })
  }

  /// A route whose response needs data from other threads.
  package init(
    _ path: String, handler: @escaping @Sendable (_ query: String, @escaping Done) -> Void
  ) {
    self.path = path
    self.handler = handler
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
