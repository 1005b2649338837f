package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
import RPC

/// The HTTP port for people and monitoring: `/status`, `/metrics`, `/ready` and what else is registered.
///
/// GET and HEAD only, one request at a time per connection, bodies ignored. Routes run on the event loop
/// and must not block.
package final class StatusServer: Sendable {
  private let channel: any Channel

  /// Starts listening.
  ///
  /// - Parameter port: 0 lets the system choose; see `port`.
  package static func start(
    host: String, port: Int, group: any EventLoopGroup, logger: Logger, routes: [StatusRoute]
  ) async throws -> StatusServer {
    var table: [String: StatusRoute] = [:]
    for route in routes { table[route.path] = route }
    let routes = table
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.closeOnExec() }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.closeOnExec()
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(StatusHandler(routes: routes))
        }
      }
    return StatusServer(channel: try await bootstrap.bind(host: host, port: port).get())
  }

  private init(channel: any Channel) {
    self.channel = channel
  }

  /// The port listened on.
  package var port: Int { channel.localAddress?.port ?? 0 }

  /// Stops listening.
  package func stop() async {
    try? await channel.close().get()
  }
}

/// One path of the status port and what it answers.
package struct StatusRoute: Sendable {
  /// Takes the answer, once, on any thread.
  package typealias Done = @Sendable (StatusReply) -> Void

  package var path: String
  package var answer: @Sendable (@escaping Done) -> Void

  /// An answer that is there at once.
  package init(_ path: String, _ answer: @escaping @Sendable () -> StatusReply) {
    self.init(path, asking: { done in done(answer()) })
  }

  /// An answer that must be asked for.
  package init(_ path: String, asking answer: @escaping @Sendable (@escaping Done) -> Void) {
    self.path = path
    self.answer = answer
  }
}

/// An HTTP answer of the status port.
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

/// Answers one request at a time.
private final class StatusHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let routes: [String: StatusRoute]
  private var head: HTTPRequestHead?

  init(routes: [String: StatusRoute]) {
    self.routes = routes
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A broken client's connection is of no further use, and nothing else depends on it.
    context.close(promise: nil)
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    guard head.method == .GET || head.method == .HEAD else {
      return send(StatusReply(code: 405, body: "only GET is served here\n"), to: head, context)
    }
    let path = String(head.uri.prefix { $0 != "?" })
    guard let route = routes[path] else {
      let known = routes.keys.sorted().joined(separator: "\n")
      let text = "nothing at \(path); there is:\n\(known)\n"
      return send(StatusReply(code: 404, body: text), to: head, context)
    }
    let loop = context.eventLoop
    let bound = NIOLoopBound((self, context), eventLoop: loop)
    route.answer { reply in
      if loop.inEventLoop { return bound.value.0.send(reply, to: head, bound.value.1) }
      loop.execute { bound.value.0.send(reply, to: head, bound.value.1) }
    }
  }

  private func send(
    _ reply: StatusReply, to head: HTTPRequestHead, _ context: ChannelHandlerContext
  ) {
    var headers = HTTPHeaders()
    headers.add(name: "content-type", value: reply.contentType)
    headers.add(name: "content-length", value: String(reply.body.utf8.count))
    if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
    let response = HTTPResponseHead(
      version: head.version, status: .init(statusCode: Int(reply.code)), headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if head.method != .HEAD {
      let body = context.channel.allocator.buffer(string: reply.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let keepsAlive = head.isKeepAlive
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      if !keepsAlive { bound.value.close(promise: nil) }
    }
  }
}
