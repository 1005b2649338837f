package import NIOCore
package import NIOHTTP1

/// One HTTP/1.1 connection: at most one request is under way at a time, and the connection ends when its
/// client takes too long.
///
/// Nothing is read from the socket between the end of a request and the moment its reply has been passed
/// to the socket, so a client that does not take its replies gets no further ones. A read may bring several
/// requests at once: a few of them wait, more of them end the connection. What waits is dropped when the
/// connection closes.
package final class HTTP1Handler: ChannelDuplexHandler {
  package typealias InboundIn = HTTPServerRequestPart
  package typealias OutboundIn = HTTPServerResponsePart
  package typealias OutboundOut = HTTPServerResponsePart

  /// What the connection waits for.
  package enum Phase: Sendable, Hashable {
    /// The rest of a request.
    case receiving
    /// The service's reply.
    case responding
    /// The client, to take the reply.
    case sending
  }

  /// What the client sent, to be replied to in this order.
  private enum Received {
    case request(HTTPRequestHead, body: ByteBuffer)
    /// A request whose body is larger than allowed.
    case tooLarge(HTTPRequestHead)
    /// Bytes that are no request: there is no way to find the next one.
    case malformed
  }

  /// What a reply must look like for the client to understand it.
  private struct Form {
    var version = HTTPVersion.http1_1
    var hasBody = true
    var keepsAlive = false

    init() {}

    init(_ head: HTTPRequestHead) {
      version = head.version
      hasBody = head.method != .HEAD
      keepsAlive = head.isKeepAlive
    }
  }

  private let service: HTTPService
  /// Of the request being received.
  private var head: HTTPRequestHead?
  private var body = ByteBuffer()
  private var waiting: CircularBuffer<Received> = []
  /// No further request is taken: the client broke the protocol, or sent too much.
  private var isInputOver = false
  /// The channel asked to read while it must not.
  private var isReadHeld = false
  private var isDraining = false
  /// The last reply was sent; what the client still sends is dropped.
  private var isLingering = false
  private var alarm: Scheduled<Void>?
  private var context: ChannelHandlerContext?

  /// What the connection waits for. On its event loop.
  package private(set) var phase = Phase.receiving
  /// Since when it is in this phase. On its event loop.
  package private(set) var phaseStart = NIODeadline.uptimeNanoseconds(0)

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
    // NIO's own handlers for pipelining and errors keep any number of requests.
    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
      withPipeliningAssistance: false, withErrorHandling: false,
      withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
    let handler = HTTP1Handler(service: service)
    try channel.pipeline.syncOperations.addHandler(handler)
    return handler
  }

  // MARK: Channel events

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    enter(.receiving, within: service.limits.requestTimeout)
  }

  package func channelInactive(context: ChannelHandlerContext) { end() }

  package func handlerRemoved(context: ChannelHandlerContext) { end() }

  package func read(context: ChannelHandlerContext) {
    // What comes after the last reply is read only to be dropped.
    if phase == .receiving || isLingering { context.read() } else { isReadHeld = true }
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isInputOver else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = ByteBuffer()
    case .body(let part):
      guard part.readableBytes <= service.limits.bodyBytes - body.readableBytes else {
        isInputOver = true
        body = ByteBuffer()
        if let head = head.take() { take(.tooLarge(head)) }
        return
      }
      body.writeImmutableBuffer(part)
    case .end:
      if let head = head.take() { take(.request(head, body: body)) }
      body = ByteBuffer()
    }
  }

  /// What does not parse gets a reply, after those that are owed. Any other error ends the connection:
  /// nothing else depends on it.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError else { return close() }
    guard !isInputOver else { return }
    isInputOver = true
    take(.malformed)
  }

  private func end() {
    alarm?.cancel()
    alarm = nil
    context = nil
    isInputOver = true
    waiting.removeAll()
  }

  // MARK: Responding

  private func take(_ received: Received) {
    if phase == .receiving { return begin(received) }
    guard waiting.count < service.limits.pipelinedRequests else {
      isInputOver = true
      return close()
    }
    waiting.append(received)
  }

  private func begin(_ received: Received) {
    enter(.responding, within: service.limits.replyTimeout)
    switch received {
    case .request(let head, let body): respond(to: head, body)
    case .tooLarge(let head):
      isDraining = true
      send(HTTPReply(code: 413, text: "the request is too large\n"), Form(head))
    case .malformed:
      isDraining = true
      send(HTTPReply(code: 400, text: "malformed request\n"), Form())
    }
  }

  private func respond(to head: HTTPRequestHead, _ body: ByteBuffer) {
    guard let loop = context?.eventLoop else { return }
    let form = Form(head)
    guard var request = HTTPRequest(method: head.method.rawValue, target: head.uri) else {
      return send(HTTPReply(code: 400, text: "malformed request target\n"), form)
    }
    request.body = body
    let bound = NIOLoopBound((self, form), eventLoop: loop)
    service.respond(request) { reply in
      if loop.inEventLoop { return bound.value.0.send(reply, bound.value.1) }
      loop.execute { bound.value.0.send(reply, bound.value.1) }
    }
  }

  private func send(_ offered: HTTPReply, _ form: Form) {
    guard let context, context.channel.isActive else { return }
    enter(.sending, within: service.limits.replyTimeout)
    let (reply, held) = service.replies.admit(offered)
    let keepsAlive = form.keepsAlive && !isDraining
    var headers = HTTPHeaders()
    headers.add(name: "content-type", value: reply.contentType)
    headers.add(name: "content-length", value: String(reply.body.readableBytes))
    if !keepsAlive { headers.add(name: "connection", value: "close") }
    let response = HTTPResponseHead(
      version: form.version, status: .init(statusCode: reply.code), headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if form.hasBody {
      context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
    }
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { [service] result in
      service.replies.give(back: held)
      switch result {
      case .success: bound.value.sent(keepsAlive)
      case .failure: bound.value.close()
      }
    }
  }

  private func sent(_ keepsAlive: Bool) {
    guard keepsAlive, !isDraining else { return linger() }
    if let next = waiting.popFirst() { return begin(next) }
    enter(.receiving, within: service.limits.idleTimeout)
    readIfHeld()
  }

  private func readIfHeld() {
    guard isReadHeld else { return }
    isReadHeld = false
    context?.read()
  }

  /// Closes so that the last reply arrives, whatever the client is still sending.
  private func linger() {
    guard !isLingering, let context, context.channel.isActive else { return }
    isLingering = true
    isInputOver = true
    waiting.removeAll()
    alarm?.cancel()
    do {
      try LingeringClose.begin(on: context.pipeline, service.limits)
    } catch {
      return close()
    }
    readIfHeld()
  }

  /// - Parameter time: after which the connection is closed if the phase has not ended.
  private func enter(_ next: Phase, within time: TimeAmount) {
    alarm?.cancel()
    phase = next
    phaseStart = .now()
    guard let context else { return }
    alarm = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.close() }
  }
}

extension HTTP1Handler: PlainConnection {
  /// Closes, after the reply where one is owed.
  func drain() {
    isDraining = true
    if phase == .receiving, !isLingering { close() }
  }

  /// Ends the connection. On its event loop.
  package func close() { context?.close(promise: nil) }
}

/// A connection that does not speak HTTP/2, or not yet.
protocol PlainConnection: AnyObject {
  /// The server stops: no further request is taken.
  func drain()
  func close()
}
