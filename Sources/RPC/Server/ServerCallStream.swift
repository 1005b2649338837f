import NIOCore
import Synchronization

/// A call on the server.
// @unchecked: as `CallStream`: `var`s belong to the event loop, but for those written before the
// handler first sees the call and never after (`method`, `metadata`, `clientDeadline`).
final class ServerCallStream: CallStream, @unchecked Sendable {
  private enum Refusal {
    case http(Int)
    case status(RPCStatus)
  }

  private let isCompleted = Atomic<Bool>(false)
  private var method: Method?
  private(set) var metadata = RPCMetadata()
  private(set) var clientDeadline: NIODeadline?

  private var handler: (any StreamHandler)?
  private var request: ByteBuffer?
  private var refusal: Refusal?
  private var isPost = false
  /// What a request that is none of gRPC's asks for; only kept where plain HTTP is served.
  private var plain = PlainRequest()
  private var hasContentType = false
  /// The request's headers are complete; what comes later are trailers, which mean nothing.
  private var hasHead = false
  /// The request names encodings: the response names those that are understood here.
  private var namesEncodings = false
  /// What the ledger holds for a unary call until its response. Written before the handler sees the
  /// call.
  private var charge = 0
  private var startTime = NIODeadline.uptimeNanoseconds(0)
  private var status: RPCStatus?
  private var isResponseOpen = false
  private let server: ServerConnection

  init(server: ServerConnection) {
    self.server = server
    super.init(
      outbox: server.outbox, receiveLimit: server.configuration.maxReceiveMessageBytes,
      sendBuffer: server.configuration.sendBufferBytes, window: server.configuration.windows.first,
      ledger: server.ledger)
    connection = server
  }

  var path: String { method?.path ?? "unknown" }

  /// True for the first response only; a second one is a fault of the handler.
  func claimResponse() -> Bool {
    let isFirst = !isCompleted.exchange(true, ordering: .relaxed)
    assert(isFirst, "\(path) responded twice")
    return isFirst
  }

  // MARK: Receiving

  override func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    guard !hasHead else { return }
    switch HeaderName(name) {
    case .path:
      method = server.methods.method(at: value)
      if method == nil, server.configuration.http != nil { plain.target = text(value) }
    case .method:
      isPost = HeaderName.isPost(value)
      if !isPost, server.configuration.http != nil { plain.method = text(value) }
    case .contentType: hasContentType = HeaderName.isGRPC(value)
    case .timeout: receivedTimeout(value)
    case .encoding:
      namesEncodings = true
      if HeaderName.isGzip(value) {
        receiveWindow.assembler.encoding = .gzip
      } else if !HeaderName.isIdentity(value) {
        refusal = .status(RPCStatus(.unimplemented, "only gzip and identity are understood"))
      }
    case .acceptEncoding: namesEncodings = true
    case .status, .grpcStatus, .grpcMessage, .transport: break
    case .other:
      receiveWindow.request += name.count + value.count
      metadata.append(text(name), text(value))
    }
  }

  private func receivedTimeout(_ value: Span<UInt8>) {
    guard let timeout = TimeoutCoding.decode(value) else {
      refusal = .status(RPCStatus(.internal, "malformed grpc-timeout"))
      return
    }
    deadline = server.eventTime + timeout
    clientDeadline = deadline
  }

  override func receivedHeaders(endOfStream: Bool) {
    guard !hasHead else { return }
    hasHead = true
    settleInput()
    if server.methods.observer != nil { startTime = server.eventTime }
    if let refusal = requestRefusal() { return refuse(refusal) }
    guard let method else {
      return refuse(.status(RPCStatus(.unimplemented, "no such method")))
    }
    if deadline != .distantFuture { server.watchDeadline(deadline) }
    if case .stream(let make) = method.shape {
      receiveWindow.isGated = true
      handler = make(StreamCall(stream: self))
    }
  }

  private func requestRefusal() -> Refusal? {
    if !isPost { return .http(405) }
    if !hasContentType { return .http(415) }
    return refusal
  }

  private func refuse(_ refusal: Refusal) {
    switch refusal {
    case .status(let status): applyFinish(status)
    case .http(let code):
      if servePlain() { return }
      guard let connection, !isClosed else { return }
      isFinished = true
      receiveWindow.isIgnored = true
      isOver.store(true, ordering: .releasing)
      connection.session.respond(id, httpStatus: code)
      closeRequest(connection)
      report(.unimplemented)
    }
  }

  override func receivedMessage(_ message: ByteBuffer) {
    if let handler { return handler.onMessage(message) }
    guard request == nil else {
      return failReceiving(RPCStatus(.unimplemented, "a unary call takes one message"))
    }
    request = message
    receiveWindow.request += message.readableBytes
  }

  /// A request that waits for its end must not keep a whole read buffer alive.
  override func receivedPart() { request = request?.compacted() }

  override func receivedEnd() {
    if let handler { return handler.onHalfClose() }
    guard request != nil else {
      return failReceiving(RPCStatus(.unimplemented, "a unary call takes one message"))
    }
    dispatch()
  }

  /// Runs a unary call, if there is capacity for its response.
  private func dispatch() {
    guard !isFinished, !isClosed, let method, case .unary(let body) = method.shape else { return }
    if let ledger, !ledger.hasShare { return refuseForCapacity(of: method) }
    guard server.hasCapacity, let request else {
      request = request?.compacted()
      return server.block(self)
    }
    self.request = nil
    receiveWindow.request -= request.readableBytes
    settleInput()
    charge = method.replies.value + request.readableBytes
    ledger?.add(charge)
    body(request, UnaryCall(stream: self))
  }

  /// The server holds too much.
  private func refuseForCapacity(of method: Method) {
    guard let reply = method.busyReply else { return applyFinish(Self.isBusy) }
    sendAndFinish(reply, insteadOf: 0)
  }

  private static let isBusy = RPCStatus(
    .resourceExhausted, "the server is busy: its memory limit is reached")

  override func retry() {
    if receiveWindow.awaitsCapacity {
      guard hasCapacity else { return server.block(self) }
      receiveWindow.awaitsCapacity = false
      handler?.onCapacity()
    }
    if request != nil, isRemoteClosed, receiveWindow.backlog.isEmpty { return dispatch() }
    advance()
  }

  func awaitCapacity() {
    receiveWindow.awaitsCapacity = true
    server.block(self)
  }

  func resumeReceiving() {
    guard receiveWindow.isPaused else { return }
    receiveWindow.isPaused = false
    advance()
  }

  override func failReceiving(_ status: RPCStatus) {
    let handler = handler
    applyFinish(status)
    handler?.onCancel(status)
  }

  override func expire() {
    guard !isFinished else { return }
    dropOutgoing()
    failReceiving(RPCStatus(.deadlineExceeded, "the deadline has passed"))
  }

  override func closed(resetCode: UInt32?, reason: RPCStatus) {
    let wasOver = isOver.exchange(true, ordering: .acquiringAndReleasing)
    let handler = handler.take()
    if !isFinished {
      isFinished = true
      report(reason.code)
      handler?.onCancel(reason)
    } else if !wasOver {
      report(status?.code ?? .unknown)
    }
    request = nil
    if plain.held > 0 { server.configuration.http?.replies.give(back: plain.held) }
    plain.held = 0
  }

  // MARK: Plain HTTP

  /// Passes a request that is none of gRPC's to the service for plain HTTP; false where there is none.
  private func servePlain() -> Bool {
    guard !isClosed, let http = server.configuration.http, let target = plain.target,
      let request = HTTPRequest(method: plain.method, target: target)
    else { return false }
    plain.isServed = true
    deadline = .distantFuture
    // A body is dropped as it comes.
    isOver.store(true, ordering: .releasing)
    receiveWindow.isIgnored = true
    discardInput()
    http.respond(request) { reply in self.execute { self.applyPlain(reply, http) } }
    return true
  }

  private func applyPlain(_ offered: HTTPReply, _ http: HTTPService) {
    guard !isFinished, !isClosed, let connection else { return }
    let (reply, held) = http.replies.admit(offered)
    plain.held = held
    isFinished = true
    isResponseOpen = true
    let bytes = plain.method == "HEAD" ? 0 : reply.body.readableBytes
    if bytes > 0 {
      outgoing.append(raw: reply.body)
      pending.add(bytes, ordering: .relaxed)
      ledger?.add(bytes)
    }
    connection.session.respond(id, http: reply, slot: bytes > 0 ? slot : nil)
    if bytes == 0, !isRemoteClosed { connection.resetAfterEnd(self) }
    connection.touch()
  }

  // MARK: Responding

  /// Any thread: the response of a unary call. A large one that would be queued for a long time
  /// becomes a refusal, as the client may retry its read.
  func respond(_ payload: ByteBuffer) {
    guard let method else { return }
    method.replies.note(payload.readableBytes)
    let size = payload.readableBytes
    if size > Self.smallResponse,
      ledger?.isOverdrawn(adding: size, insteadOf: charge) ?? false
    {
      guard let reply = method.busyReply else { return respond(Self.isBusy) }
      return sendAndFinish(reply, insteadOf: charge)
    }
    sendAndFinish(payload, insteadOf: charge)
  }

  /// Any thread: a unary call ends without a response.
  func respond(_ status: RPCStatus) {
    ledger?.add(-charge)
    finish(status)
  }

  static let smallResponse = 4096

  override func openOutput(_ connection: HTTP2Connection) {
    guard !isResponseOpen else { return }
    isResponseOpen = true
    connection.session.respond(id, slot: slot, namesEncodings: namesEncodings)
  }

  override func applyFinish(_ status: RPCStatus) {
    guard !isFinished, !isClosed, let connection else {
      connection?.capacityFreed()
      return
    }
    isFinished = true
    receiveWindow.isIgnored = true
    discardInput()
    self.status = status
    if outgoing.isEmpty, !isResponseOpen {
      isOver.store(true, ordering: .releasing)
      connection.session.respond(id, trailersOnly: status, namesEncodings: namesEncodings)
      closeRequest(connection)
      report(status.code)
      connection.touch()
    } else {
      pushOut()
    }
    wakeWaiters()
  }

  /// The trailers follow the last data; a plain HTTP response has none.
  override func lastChunk(_ count: Int) -> OutgoingChunk {
    if plain.isServed { return .last(count, withTrailers: false) }
    guard let connection else { return .last(count, withTrailers: false) }
    let status = status ?? .ok
    isOver.store(true, ordering: .releasing)
    connection.session.trailers(id, status)
    closeRequest(connection)
    report(status.code)
    return .last(count, withTrailers: true)
  }

  /// After a response the rest of the request is not read: notifies the client to stop sending it.
  private func closeRequest(_ connection: HTTP2Connection) {
    handler = nil
    request = nil
    discardInput()
    if !isRemoteClosed { connection.resetAfterEnd(self) }
  }

  private func report(_ code: RPCCode) {
    guard let observer = server.methods.observer else { return }
    observer(path, code, server.eventTime - startTime)
  }
}

/// A request on a gRPC port that is not gRPC.
private struct PlainRequest {
  var method = "POST"
  var target: String?
  var isServed = false
  /// What its reply takes of the service's budget.
  var held = 0
}
