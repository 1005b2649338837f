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

  private let isAnswered = Atomic<Bool>(false)
  private var method: Method?
  private(set) var metadata = RPCMetadata()
  private(set) var clientDeadline: NIODeadline?

  private var handler: (any StreamHandler)?
  private var request: ByteBuffer?
  private var refusal: Refusal?
  private var isPost = false
  private var hasContentType = false
  private var headerBytes = 0
  private var startTime = NIODeadline.uptimeNanoseconds(0)
  private var status: RPCStatus?
  private var isResponseOpen = false
  private let server: ServerConnection
  private let headerLimit: Int

  init(server: ServerConnection) {
    self.server = server
    headerLimit = server.configuration.maxHeaderListBytes
    super.init(
      outbox: server.outbox, receiveLimit: server.configuration.maxReceiveMessageBytes,
      sendBuffer: server.configuration.sendBufferBytes)
    connection = server
  }

  var path: String { method?.path ?? "unknown" }

  /// True for the first answer only; a second one is a fault of the handler.
  func claimAnswer() -> Bool {
    let isFirst = !isAnswered.exchange(true, ordering: .relaxed)
    assert(isFirst, "\(path) answered twice")
    return isFirst
  }

  // MARK: Receiving

  override func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    headerBytes += name.count + value.count + 32
    guard headerBytes <= headerLimit else {
      refusal = .status(RPCStatus(.resourceExhausted, "request headers are too large"))
      return
    }
    switch HeaderName(name) {
    case .path: method = server.methods.method(at: value)
    case .method: isPost = HeaderName.isPost(value)
    case .contentType: hasContentType = HeaderName.isGRPC(value)
    case .timeout: receivedTimeout(value)
    case .encoding:
      if !HeaderName.isIdentity(value) {
        refusal = .status(RPCStatus(.unimplemented, "only identity encoding is supported"))
      }
    case .status, .grpcStatus, .grpcMessage, .transport: break
    case .other: metadata.append(text(name), text(value))
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
    guard !isFinished, handler == nil else { return }
    if server.methods.observer != nil { startTime = server.eventTime }
    if let refusal = refusalOfRequest() { return refuse(refusal) }
    guard let method else {
      return refuse(.status(RPCStatus(.unimplemented, "no such method")))
    }
    if deadline != .distantFuture { server.watchDeadline(deadline) }
    if case .stream(let make) = method.shape { handler = make(StreamCall(stream: self)) }
  }

  private func refusalOfRequest() -> Refusal? {
    if !isPost { return .http(405) }
    if !hasContentType { return .http(415) }
    return refusal
  }

  private func refuse(_ refusal: Refusal) {
    switch refusal {
    case .status(let status): applyFinish(status)
    case .http(let code):
      guard let connection, !isClosed else { return }
      isFinished = true
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
  }

  override func receivedEnd() {
    if let handler { return handler.onHalfClose() }
    guard let method, case .unary(let body) = method.shape else { return }
    guard let request = request.take() else {
      return failReceiving(RPCStatus(.unimplemented, "a unary call takes one message"))
    }
    body(request, UnaryCall(stream: self))
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
  }

  // MARK: Answering

  override func openOutput(_ connection: Connection) {
    guard !isResponseOpen else { return }
    isResponseOpen = true
    connection.session.respond(id, slot: slot)
  }

  override func applyFinish(_ status: RPCStatus) {
    guard !isFinished, !isClosed, let connection else { return }
    isFinished = true
    self.status = status
    if outgoing.isEmpty, !isResponseOpen {
      isOver.store(true, ordering: .releasing)
      connection.session.respond(id, trailersOnly: status)
      closeRequest(connection)
      report(status.code)
      connection.touch()
    } else {
      pushOut()
    }
    wakeWaiters()
  }

  /// The trailers follow the last data.
  override func lastChunk(_ count: Int) -> OutgoingChunk {
    guard let connection else { return .last(count, withTrailers: false) }
    let status = status ?? .ok
    isOver.store(true, ordering: .releasing)
    connection.session.trailers(id, status)
    closeRequest(connection)
    report(status.code)
    return .last(count, withTrailers: true)
  }

  /// After an answer nobody reads the rest of the request: tells the client to stop sending it.
  private func closeRequest(_ connection: Connection) {
    handler = nil
    request = nil
    if !isRemoteClosed { connection.resetAfterEnd(self) }
  }

  private func report(_ code: RPCCode) {
    guard let observer = server.methods.observer else { return }
    observer(path, code, server.eventTime - startTime)
  }
}
