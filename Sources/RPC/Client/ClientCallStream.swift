import NIOCore

/// A call on the client.
// @unchecked: as `CallStream`: `var`s belong to the event loop.
final class ClientCallStream: CallStream, @unchecked Sendable {
  typealias Completion = @Sendable (Result<ByteBuffer, RPCStatus>) -> Void
  typealias Factory = @Sendable (ClientStream) -> any ClientStreamHandler

  private enum Receiver {
    case unary(Completion)
    case stream(Factory)
    case done
  }

  let path: String
  let options: CallOptions

  private var receiver: Receiver
  private var handler: (any ClientStreamHandler)?
  private var reply: ByteBuffer?
  private var httpStatus = 0
  private var isGRPC = false
  private var isEncoded = false
  private var isAccepted = false
  private var grpcStatus: Int?
  private var grpcMessage = ""
  private var metadata = RPCMetadata()

  private init(
    _ path: String, _ options: CallOptions, _ receiver: Receiver, _ outbox: LoopOutbox,
    _ configuration: ClientConfiguration
  ) {
    self.path = path
    self.options = options
    self.receiver = receiver
    super.init(
      outbox: outbox, receiveLimit: configuration.maxReceiveMessageBytes,
      sendBuffer: configuration.sendBufferBytes, window: configuration.streamWindowBytes)
    if let timeout = options.timeout { deadline = .now() + timeout }
  }

  /// A call of one message and one response; both sides of it are there already.
  convenience init(
    unary path: String, _ payload: ByteBuffer, _ options: CallOptions, _ outbox: LoopOutbox,
    _ configuration: ClientConfiguration, completion: @escaping Completion
  ) {
    self.init(path, options, .unary(completion), outbox, configuration)
    outgoing.append(payload)
    pending.add(outgoing.bytes, ordering: .relaxed)
    isFinished = true
  }

  convenience init(
    stream path: String, _ options: CallOptions, _ outbox: LoopOutbox,
    _ configuration: ClientConfiguration, make: @escaping Factory
  ) {
    self.init(path, options, .stream(make), outbox, configuration)
  }

  // MARK: Opening

  /// Called once, on the event loop, before anything else happens to the call.
  func begin() {
    if case .stream(let make) = receiver { handler = make(ClientStream(stream: self)) }
  }

  var isComplete: Bool { if case .done = receiver { true } else { false } }

  /// Opens the stream on `connection`. False if that can open none any more.
  func open(on connection: ClientConnection) -> Bool {
    let timeout = deadline == .distantFuture ? nil : deadline - connection.eventTime
    let head = RequestHead(
      path: Array(path.utf8), authority: connection.authority, isTLS: connection.isTLS,
      timeout: timeout, metadata: options.metadata)
    let slot = connection.adopt(self)
    id = connection.session.request(head, slot: slot)
    guard id > 0 else {
      _ = connection.drop(slot: slot)
      self.connection = nil
      return false
    }
    if deadline != .distantFuture { connection.watchDeadline(deadline) }
    connection.touch()
    return true
  }

  // MARK: Ending

  func cancel(_ status: RPCStatus) {
    if eventLoop.inEventLoop { complete(status) } else { execute { self.complete(status) } }
  }

  /// The client's end of its messages.
  override func applyFinish(_ status: RPCStatus) {
    guard !isFinished, !isClosed else { return }
    isFinished = true
    pushOut()
    wakeWaiters()
  }

  /// Ends the call, once, and the stream with it.
  func complete(_ status: RPCStatus) {
    guard !isComplete else { return }
    let receiver = receiver
    self.receiver = .done
    isOver.store(true, ordering: .releasing)
    if !isClosed, let connection, !isRemoteClosed || !isFinished || outgoing.bytes > 0 {
      isFinished = true
      dropOutgoing()
      connection.session.reset(id, code: 8)  // CANCEL
      connection.touch()
    }
    wakeWaiters()
    switch receiver {
    case .unary(let completion):
      let reply = reply.take()
      guard status.isOK else { return completion(.failure(status)) }
      if let reply {
        completion(.success(reply))
      } else {
        completion(.failure(RPCStatus(.unimplemented, "the server sent no message")))
      }
    case .stream:
      handler.take()?.onClose(status)
    case .done: break
    }
  }

  override func expire() { complete(RPCStatus(.deadlineExceeded, "the deadline has passed")) }

  override func failReceiving(_ status: RPCStatus) { complete(status) }

  override func closed(resetCode: UInt32?, reason: RPCStatus) { complete(reason) }

  // MARK: Receiving

  override func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    switch HeaderName(name) {
    case .status: httpStatus = number(value) ?? 0
    case .contentType: isGRPC = HeaderName.isGRPC(value)
    case .encoding: isEncoded = !HeaderName.isIdentity(value)
    case .grpcStatus: grpcStatus = number(value) ?? RPCCode.unknown.rawValue
    case .grpcMessage:
      grpcMessage = PercentCoding.decode(value.withUnsafeBufferPointer { Array($0) })
    case .path, .method, .timeout, .acceptEncoding, .transport: break
    case .other:
      if metadata.entries.count < 128 { metadata.append(text(name), text(value)) }
    }
  }

  override func receivedHeaders(endOfStream: Bool) {
    guard !isComplete, !endOfStream, !isAccepted else { return }
    guard httpStatus >= 200 else {
      metadata = RPCMetadata()
      return
    }
    guard httpStatus == 200, isGRPC else {
      return complete(RPCStatus(RPCCode(httpStatus: httpStatus), "HTTP status \(httpStatus)"))
    }
    guard !isEncoded else {
      return complete(RPCStatus(.internal, "the server used an encoding it was not offered"))
    }
    isAccepted = true
    handler?.onMetadata(metadata)
  }

  override func receivedMessage(_ message: ByteBuffer) {
    if let handler { return handler.onMessage(message) }
    guard reply == nil else {
      return complete(RPCStatus(.unimplemented, "the server sent more than one message"))
    }
    reply = message
  }

  override func receivedEnd() {
    if let grpcStatus {
      complete(RPCStatus(RPCCode(rawValue: grpcStatus) ?? .unknown, grpcMessage))
    } else if httpStatus == 200 {
      complete(RPCStatus(.internal, "the server sent no status"))
    } else {
      complete(RPCStatus(RPCCode(httpStatus: httpStatus), "HTTP status \(httpStatus)"))
    }
  }

  private func number(_ digits: Span<UInt8>) -> Int? {
    guard digits.count > 0, digits.count <= 4 else { return nil }
    var value = 0
    for index in digits.indices {
      guard digits[index] >= UInt8(ascii: "0"), digits[index] <= UInt8(ascii: "9") else {
        return nil
      }
      value = value * 10 + Int(digits[index] - UInt8(ascii: "0"))
    }
    return value
  }
}
