package import NIOCore
package import NIOHTTP1

/// One HTTP/1.1 connection: responses one request at a time, and ends when its client takes too long.
package final class HTTP1Handler: ChannelInboundHandler {
  package typealias InboundIn = HTTPServerRequestPart
  package typealias OutboundOut = HTTPServerResponsePart

  private let service: HTTPService
  private var head: HTTPRequestHead?
  private var bodyBytes = 0
  private var isResponding = false
  private var isDraining = false
  private var isLingering = false
  private var alarm: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  init(service: HTTPService) {
    self.service = service
  }

  /// Makes `channel` speak HTTP/1.1. On its event loop.
  package static func install(
    on channel: any Channel, _ service: HTTPService
  ) throws -> HTTP1Handler {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = service.limits.headerBytes
    limits.maxHeaderListSize = service.limits.headerBytes
    limits.maxHeaderFieldCount = service.limits.headerCount
    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
      withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
    let handler = HTTP1Handler(service: service)
    try channel.pipeline.syncOperations.addHandler(handler)
    return handler
  }

  // MARK: Channel events

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    expect(within: service.limits.requestTimeout)
  }

  package func channelInactive(context: ChannelHandlerContext) { end() }

  package func handlerRemoved(context: ChannelHandlerContext) { end() }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      bodyBytes = 0
    case .body(let part):
      bodyBytes += part.readableBytes
      if bodyBytes > service.limits.bodyBytes, let head = head.take() { refuse(head) }
    case .end:
      guard let head = head.take() else { return }
      answer(head, context)
    }
  }

  /// A broken client's connection is of no further use, and nothing else depends on it. (What does not
  /// parse has been completed with 400 by the handler before.)
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is HTTPParserError { linger() } else { close() }
  }

  private func end() {
    alarm?.cancel()
    alarm = nil
    context = nil
  }

  // MARK: Responding

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    isResponding = true
    expect(within: service.limits.replyTimeout)
    guard let request = HTTPRequest(method: head.method.rawValue, target: head.uri) else {
      return send(HTTPReply(code: 400, text: "malformed request target\n"), to: head)
    }
    let loop = context.eventLoop
    let bound = NIOLoopBound(self, eventLoop: loop)
    service.answer(request) { reply in
      if loop.inEventLoop { return bound.value.send(reply, to: head) }
      loop.execute { bound.value.send(reply, to: head) }
    }
  }

  private func refuse(_ head: HTTPRequestHead) {
    isDraining = true
    send(HTTPReply(code: 413, text: "the request is too large\n"), to: head)
  }

  private func send(_ offered: HTTPReply, to head: HTTPRequestHead) {
    guard let context, context.channel.isActive else { return }
    let (reply, held) = service.replies.admit(offered)
    let keepsAlive = head.isKeepAlive && !isDraining
    var headers = HTTPHeaders()
    headers.add(name: "content-type", value: reply.contentType)
    headers.add(name: "content-length", value: String(reply.body.readableBytes))
    if !keepsAlive { headers.add(name: "connection", value: "close") }
    let response = HTTPResponseHead(
      version: head.version, status: .init(statusCode: reply.code), headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if head.method != .HEAD {
      context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
    }
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { [service] _ in
      service.replies.give(back: held)
      bound.value.sent(keepsAlive)
    }
  }

  private func sent(_ keepsAlive: Bool) {
    isResponding = false
    guard keepsAlive, !isDraining else { return linger() }
    expect(within: service.limits.idleTimeout)
  }

  /// Closes so that the last reply arrives, whatever the client is still sending.
  private func linger() {
    guard !isLingering, let context, context.channel.isActive else { return }
    isLingering = true
    alarm?.cancel()
    do {
      try LingeringClose.begin(on: context.pipeline, service.limits)
    } catch {
      close()
    }
  }

  private func expect(within time: TimeAmount) {
    alarm?.cancel()
    guard let context else { return }
    alarm = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.close() }
  }
}

extension HTTP1Handler: PlainConnection {
  /// Closes, after the reply where one is owed.
  func drain() {
    isDraining = true
    if !isResponding, !isLingering { close() }
  }

  func close() { context?.close(promise: nil) }
}

/// A connection that does not speak HTTP/2, or not yet.
protocol PlainConnection: AnyObject {
  /// The server stops: no further request is taken.
  func drain()
  func close()
}
