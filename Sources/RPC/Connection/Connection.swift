import Logging
import NIOCore
import NIOTLS

/// One HTTP/2 connection: the only handler of its channel (behind TLS, where there is TLS).
///
/// Bytes read go into nghttp2, which calls back for what they mean; whatever is to be sent by the end
/// of the read event leaves in one write. Everything here happens on the channel's event loop.
class Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Bytes gathered for one write.
  private static let writeSize = 256 << 10

  let session: FrameSession
  let outbox: LoopOutbox
  let logger: Logger
  /// Received bytes after which a stream's window is widened.
  let creditStep: Int

  private let role: FrameSession.Role
  private let limits: SessionLimits
  private let keepalive: Keepalive?
  private let needsALPN: Bool

  // What nghttp2's callbacks read and write while a call into it is under way.
  var incoming: ByteBuffer?
  // Unsafe: the address of `incoming`'s bytes, set only while nghttp2 reads them.
  var incomingBase: UnsafeRawPointer?
  var output = ByteBuffer()
  var unconsumed = 0

  var isTouched = false
  private(set) var context: ChannelHandlerContext?
  private(set) var isClosed = false
  private(set) var streamCount = 0
  private(set) var isDraining = false

  private var streams: [CallStream?] = []
  private var freeSlots: [Int] = []
  private var cutShort = 0
  private var headerStream: CallStream?
  private var writable: [CallStream] = []
  private var isReading = false
  private var isFlushing = false
  private var isStarted = false
  private var controlBudget: RateLimit
  private var clock: NIODeadline?
  private var alarm: Scheduled<Void>?
  private var alarmTime = NIODeadline.distantFuture
  private var pinger: Pinger?
  private var closeReason: RPCStatus?

  init(
    role: FrameSession.Role, limits: SessionLimits, keepalive: Keepalive?, needsALPN: Bool,
    outbox: LoopOutbox, logger: Logger
  ) throws(SessionError) {
    session = try FrameSession(role: role, limits: limits)
    self.role = role
    self.limits = limits
    self.keepalive = keepalive
    self.needsALPN = needsALPN
    self.outbox = outbox
    self.logger = logger
    creditStep = limits.streamWindow / 4
    controlBudget = RateLimit(burst: 100_000, perSecond: 20_000, now: .now())
    session.setOwner(self)
  }

  // MARK: For the two sides

  /// The peer has opened a stream.
  func makeStream() -> CallStream? { nil }
  /// The peer's SETTINGS have come: it speaks HTTP/2.
  func peerIsReady() {}
  /// The peer's GOAWAY has come.
  func peerIsLeaving() {}
  /// The channel is gone.
  func connectionEnded(_ reason: RPCStatus) {}

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start() }
  }

  func channelActive(context: ChannelHandlerContext) { start() }

  private func start() {
    guard !isStarted else { return }
    isStarted = true
    session.start(role, limits)
    if let keepalive { pinger = Pinger(keepalive, self) }
    outbox.touch(self)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard needsALPN, case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    if negotiated != "h2" {
      close(RPCStatus(.unavailable, "the peer does not speak HTTP/2 over TLS"))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosed else { return }
    isReading = true
    pinger?.heard()
    do throws(SessionError) {
      try session.receive(unwrapInboundIn(data), for: self)
    } catch {
      logger.debug("malformed HTTP/2", metadata: ["error": "\(error.reason)"])
      closeReason = RPCStatus(.unavailable, "malformed HTTP/2: \(error.reason)")
      session.terminate(1)  // PROTOCOL_ERROR
    }
    if unconsumed > 0 {
      session.consumeConnection(unconsumed)
      unconsumed = 0
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    flush()
    clock = nil
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { flush() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("connection failed", metadata: ["error": "\(error)"])
    close(RPCStatus(.unavailable, "connection failed: \(error)"))
  }

  func channelInactive(context: ChannelHandlerContext) { end() }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  /// Closes the socket; every call still open fails with `reason`.
  func close(_ reason: RPCStatus) {
    if closeReason == nil { closeReason = reason }
    guard !isClosed, let context else { return }
    context.close(promise: nil)
  }

  private func end() {
    guard !isClosed else { return }
    isClosed = true
    alarm?.cancel()
    alarm = nil
    pinger?.stop()
    pinger = nil
    let reason = closeReason ?? RPCStatus(.unavailable, "connection lost")
    let open = streams
    streams = []
    writable = []
    headerStream = nil
    streamCount = 0
    for case .some(let stream) in open { finish(stream, resetCode: nil, reason) }
    connectionEnded(reason)
    context = nil
  }

  private func finish(_ stream: CallStream, resetCode: UInt32?, _ reason: RPCStatus) {
    stream.isClosed = true
    stream.dropOutgoing()
    stream.closed(resetCode: resetCode, reason: reason)
    stream.wakeWaiters()
    stream.onWritable = nil
  }

  // MARK: Writing

  /// There is something to write: at the end of the read event, or of the outbox's round.
  func touch() {
    if !isReading, !isFlushing { outbox.touch(self) }
  }

  /// Writes all that flow control and the socket's buffer admit.
  func flush() {
    guard !isClosed, !isReading, !isFlushing, isStarted, let context else { return }
    isFlushing = true
    repeat {
      writeOut(context)
    } while tellWritable()
    isFlushing = false
    if !isReading { clock = nil }
    if !isClosed, session.isDone {
      close(closeReason ?? RPCStatus(.unavailable, "connection closed by HTTP/2"))
    }
  }

  private func writeOut(_ context: ChannelHandlerContext) {
    while !isClosed, context.channel.isWritable {
      output.clear()
      do throws(SessionError) {
        while output.readableBytes < Self.writeSize, try session.produce(into: self) {}
      } catch {
        return close(RPCStatus(.unavailable, "cannot write HTTP/2: \(error.reason)"))
      }
      guard output.readableBytes > 0 else { return }
      context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }
  }

  func becameWritable(_ stream: CallStream) { writable.append(stream) }

  /// Outside nghttp2: the receivers will send more.
  private func tellWritable() -> Bool {
    guard !writable.isEmpty, !isClosed else { return false }
    let streams = writable
    writable = []
    for stream in streams where !stream.isClosed {
      stream.wakeWaiters()
      stream.onWritable?()
    }
    return true
  }

  // MARK: Streams

  /// Gives `stream` a place in the table.
  func adopt(_ stream: CallStream) -> Int {
    streamCount += 1
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      streams[slot] = stream
    } else {
      slot = streams.count
      streams.append(stream)
    }
    stream.slot = slot
    stream.connection = self
    return slot
  }

  private func stream(_ slot: Int) -> CallStream? {
    slot >= 0 && slot < streams.count ? streams[slot] : nil
  }

  /// Once the answer's end has been sent, resets `stream` if the request is still coming. (Asked for
  /// any earlier, nghttp2 would drop the answer.)
  func resetAfterEnd(_ stream: CallStream) {
    guard !stream.isCutShort else { return }
    stream.isCutShort = true
    cutShort += 1
  }

  var awaitsEnd: Bool { cutShort > 0 }

  /// Frees a slot whose stream nghttp2 does not know (any more).
  func drop(slot: Int) -> CallStream? {
    guard let stream = stream(slot) else { return nil }
    if stream.isCutShort { cutShort -= 1 }
    streams[slot] = nil
    freeSlots.append(slot)
    streamCount -= 1
    return stream
  }

  // MARK: Deadlines

  /// The time of the present event; read from the clock at most once in it.
  var eventTime: NIODeadline {
    if let clock { return clock }
    let now = NIODeadline.now()
    if isReading || isFlushing { clock = now }
    return now
  }

  /// One timer serves all calls: it is moved only for a deadline earlier than all before it.
  func watchDeadline(_ deadline: NIODeadline) {
    guard deadline + .milliseconds(1) < alarmTime, !isClosed else { return }
    alarm?.cancel()
    alarmTime = deadline
    alarm = outbox.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.sweep()
    }
  }

  private func sweep() {
    alarm = nil
    alarmTime = .distantFuture
    let now = NIODeadline.now()
    var next = NIODeadline.distantFuture
    for case .some(let stream) in streams where stream.deadline != .distantFuture {
      if stream.deadline <= now {
        stream.deadline = .distantFuture
        stream.expire()
      } else {
        next = min(next, stream.deadline)
      }
    }
    if next != .distantFuture { watchDeadline(next) }
    touch()
  }

  // MARK: Shutting down

  /// Asks the peer to open no more calls; the connection closes once those under way are done.
  func drain() {
    guard !isDraining, !isClosed else { return }
    isDraining = true
    if role == .client {
      session.goAway()
    } else {
      session.announceShutdown()
      session.ping(Pinger.drainMark)
    }
    touch()
  }
}

// MARK: - Called back by nghttp2

extension Connection {
  func openedByPeer(id: Int32) -> Int {
    guard let stream = makeStream() else { return -1 }
    stream.id = id
    headerStream = stream
    return adopt(stream)
  }

  func beganHeaders(slot: Int) { headerStream = stream(slot) }

  func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    headerStream?.receivedHeader(name, value)
  }

  func receivedHeaders(slot: Int, endOfStream: Bool) {
    headerStream = nil
    guard let stream = stream(slot) else { return }
    stream.receivedHeaders(endOfStream: endOfStream)
    if endOfStream { stream.ended() }
  }

  func receivedData(slot: Int, _ bytes: ByteBuffer) { stream(slot)?.received(bytes) }

  func receivedEnd(slot: Int) { stream(slot)?.ended() }

  func closedStream(slot: Int, code: UInt32) {
    guard let stream = drop(slot: slot) else { return }
    let reason = RPCStatus(RPCCode(resetCode: code), "stream reset by the peer (code \(code))")
    finish(stream, resetCode: code, reason)
  }

  func nextChunk(slot: Int, limit: Int) -> OutgoingChunk {
    guard let stream = stream(slot) else { return .last(0, withTrailers: false) }
    return stream.nextChunk(limit)
  }

  func moveOutgoing(slot: Int, count: Int) {
    stream(slot)?.moveOutgoing(count, to: &output)
  }

  func sentEnd(slot: Int) {
    guard let stream = stream(slot), stream.isCutShort else { return }
    stream.isCutShort = false
    cutShort -= 1
    if !stream.isRemoteClosed { session.reset(stream.id, code: 0) }
  }

  func receivedPong(_ payload: UInt64) {
    if payload == Pinger.drainMark, isDraining { session.goAway() }
    pinger?.heard()
  }

  func receivedGoAway(code: UInt32) {
    if code != 0 {
      closeReason = RPCStatus(.unavailable, "the peer closed the connection (code \(code))")
    }
    peerIsLeaving()
  }

  func receivedSettings(isAcknowledgement: Bool) {
    guard !isAcknowledgement else { return }
    receivedControl()
    peerIsReady()
  }

  /// Frames that cost their sender nothing and us an answer: a flood of them ends the connection.
  func receivedControl() {
    guard !controlBudget.take(at: eventTime) else { return }
    closeReason = RPCStatus(.unavailable, "too many control frames")
    session.terminate(0xb)  // ENHANCE_YOUR_CALM
  }
}
