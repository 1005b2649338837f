import Logging
import NIOCore
import NIOTLS

/// One HTTP/2 connection: the only handler of its channel (behind TLS, where there is TLS).
///
/// Bytes read go into nghttp2, which calls back for what they mean; whatever is to be sent by the end
/// of the read event leaves in one write. Everything here happens on the channel's event loop.
class HTTP2Connection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Bytes gathered for one write.
  private static let writeSize = 256 << 10
  /// Capacity for output that a quiet connection keeps.
  private static let keptCapacity = 64 << 10

  let session: FrameSession
  let outbox: LoopOutbox
  let logger: Logger
  let options: ConnectionOptions
  /// Where responses are counted; nil on a client.
  let ledger: OutputLedger?

  var table = StreamTable()
  var memory = ConnectionMemory()
  var timers = ConnectionTimers()
  var flood = FrameRateLimits(now: .now())

  /// What nghttp2's callbacks leave while a call into it is under way.
  var arrival = Arrival()
  /// Frames that are to be written next.
  var output = ByteBuffer()

  private(set) var phase = ConnectionPhase.idle(drains: false)
  private var turn = ConnectionTurn()
  /// In the outbox's list of connections that have something to write.
  var isTouched = false
  /// Nil before the handler is added and after the end.
  private(set) var context: ChannelHandlerContext?
  /// Why the connection is about to close, once that is known.
  var closeReason: RPCStatus?

  init(
    _ options: ConnectionOptions, ledger: OutputLedger?, outbox: LoopOutbox, logger: Logger
  ) throws(SessionError) {
    session = try FrameSession(role: options.role, limits: options.limits)
    self.options = options
    self.ledger = ledger
    self.outbox = outbox
    self.logger = logger
    session.setOwner(self)
  }

  var role: FrameSession.Role { options.role }
  var limits: SessionLimits { options.limits }
  var isClosed: Bool { phase == .closed }

  // MARK: For the two sides

  /// The peer has opened a stream.
  func makeStream() -> CallStream? { nil }
  /// The peer's SETTINGS have come: it speaks HTTP/2.
  func peerIsReady() {}
  /// The peer's GOAWAY has come.
  func peerSentGoAway() {}
  /// The channel is gone.
  func connectionEnded(_ reason: RPCStatus) {}

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { start() }
  }

  func channelActive(context: ChannelHandlerContext) { start() }

  private func start() {
    guard phase.start() else { return }
    session.start(role, limits)
    if phase == .draining { announceDrain() }
    if let keepalive = options.keepalive { timers.pinger = Pinger(keepalive, self) }
    if let timeout = limits.handshakeTimeout {
      timers.handshake = outbox.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
        self.close(RPCStatus(.unavailable, "connect timeout"))
      }
    }
    outbox.touch(self)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard options.needsALPN, case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent
    else {
      return context.fireUserInboundEventTriggered(event)
    }
    if negotiated != "h2" {
      close(RPCStatus(.unavailable, "the peer does not speak HTTP/2 over TLS"))
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard phase.readsInput else { return }
    turn.isReading = true
    timers.pinger?.received()
    let bytes = unwrapInboundIn(data)
    memory.progress &+= bytes.readableBytes
    do throws(SessionError) {
      try session.receive(bytes, for: self)
    } catch {
      logger.debug("malformed HTTP/2", metadata: ["error": "\(error.reason)"])
      terminate(1, "malformed HTTP/2: \(error.reason)")  // PROTOCOL_ERROR
    }
    if arrival.unconsumed > 0 {
      session.consumeConnection(arrival.unconsumed)
      arrival.unconsumed = 0
    }
  }

  /// Says why and closes. In nghttp2's callbacks too: they then stop reading what is there.
  func terminate(_ code: UInt32, _ reason: String) {
    guard phase.terminate() else { return }
    closeReason = RPCStatus(.unavailable, reason)
    session.terminate(code)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    turn.isReading = false
    memory.deliveries = ConnectionMemory.deliveriesPerTurn
    flush()
    turn.forgetTime()
    guard !context.channel.isWritable else { return }
    if phase == .terminating {
      // It does not even take the GOAWAY.
      close(RPCStatus(.unavailable, "the peer does not read"))
    } else if session.unsentFrames > limits.maxUnsentFrames {
      close(RPCStatus(.unavailable, "too many unread bytes queued for the peer"))
    }
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
    guard phase.close() else { return }
    timers.cancelAll()
    let reason = closeReason ?? RPCStatus(.unavailable, "connection lost")
    arrival = Arrival()
    memory.blocked.removeAll()
    memory.starved.removeAll()
    memory.prioritized = nil
    for stream in table.removeAll() { finish(stream, resetCode: nil, reason) }
    ledger?.add(-memory.moved - memory.inSocket)
    memory.moved = 0
    memory.inSocket = 0
    connectionEnded(reason)
    context = nil
  }

  func finish(_ stream: CallStream, resetCode: UInt32?, _ reason: RPCStatus) {
    stream.isClosed = true
    releaseCapacity(of: stream)
    stream.dropOutgoing()
    stream.closed(resetCode: resetCode, reason: reason)
    stream.wakeWaiters()
    stream.onWritable = nil
  }

  // MARK: Writing

  /// There is something to write: at the end of the read event, or of the outbox's round.
  func touch() {
    if !turn.isBusy { outbox.touch(self) }
  }

  /// Writes all that flow control and the socket's buffer admit.
  func flush() {
    guard !phase.isIdle, !isClosed, !turn.isBusy, let context else { return }
    turn.isFlushing = true
    repeat {
      writeOut(context)
    } while notifyWritable()
    turn.isFlushing = false
    settleOutput(context)
    considerRetry()
    if !turn.isReading { turn.forgetTime() }
    if !isClosed, session.isDone {
      close(closeReason ?? RPCStatus(.unavailable, "connection closed by HTTP/2"))
    }
  }

  /// Nothing has come for a while.
  func becameQuiet() {
    if output.capacity > Self.keptCapacity { output = ByteBuffer() }
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

  /// Outside nghttp2: the receivers will send more.
  private func notifyWritable() -> Bool {
    guard !isClosed, let streams = table.takeWritable() else { return false }
    for stream in streams where !stream.isClosed {
      if stream.receiveWindow.isBlocked { memory.wantsRetry = true }
      stream.wakeWaiters()
      stream.onWritable?()
    }
    return true
  }

  // MARK: Streams

  var streamCount: Int { table.count }

  /// Gives `stream` a place in the table.
  func adopt(_ stream: CallStream) -> Int {
    let slot = table.add(stream)
    stream.slot = slot
    stream.connection = self
    return slot
  }

  /// Once the response's end has been sent, resets `stream` if the request is still coming. (Asked for
  /// any earlier, nghttp2 would drop the response.)
  func resetAfterEnd(_ stream: CallStream) { table.cutShort(stream) }

  /// Frees a slot whose stream nghttp2 does not know (any more).
  func drop(slot: Int) -> CallStream? { table.remove(slot) }

  // MARK: Deadlines

  /// The time of the present event; read from the clock at most once in it.
  var eventTime: NIODeadline { turn.time() }

  /// `stream.expire` will be called once its deadline has passed; see `DeadlineTimer`.
  func watchDeadline(_ deadline: NIODeadline) {
    guard !isClosed else { return }
    timers.deadline.watch(deadline) { deadline in
      outbox.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.expireStreams() }
    }
  }

  private func expireStreams() {
    timers.deadline.fired()
    let (expired, next) = table.expire(at: .now())
    for stream in expired { stream.expire() }
    if let next { watchDeadline(next) }
    touch()
  }

  // MARK: Shutting down

  /// Asks the peer to open no more calls; the connection closes once those under way are done.
  func drain() {
    guard phase.drain() else { return }
    announceDrain()
    touch()
  }

  private func announceDrain() {
    if role == .client {
      session.goAway()
    } else {
      session.announceShutdown()
      session.ping(Pinger.drainMark)
    }
  }
}

/// What is fixed when a connection is made.
struct ConnectionOptions {
  var role: FrameSession.Role
  var limits: SessionLimits
  /// Nil: no pings.
  var keepalive: Keepalive?
  /// Whether TLS must agree on HTTP/2.
  var needsALPN: Bool
}
