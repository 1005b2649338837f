import NIOCore
import Synchronization

/// One call on one HTTP/2 stream: what server and client side have in common.
///
/// Handles (`UnaryCall`, `StreamCall`, `ClientStream`) hold one and may be used from any thread; the
/// three operations hop to the event loop when they must, keeping the order in which they were made.
// @unchecked: `var`s are read and written on the outbox's event loop only; the rest is atomic.
class CallStream: @unchecked Sendable {
  let outbox: LoopOutbox
  let sendBuffer: Int
  /// Where responses are counted; nil on a client.
  let ledger: OutputLedger?

  /// Bytes passed to `send` and not yet written to the socket's buffer.
  let pending = Atomic<Int>(0)
  /// Set once nothing sent on this call can matter any more.
  let isOver = Atomic<Bool>(false)
  private let queued = Atomic<Int>(0)

  var connection: HTTP2Connection?
  var id: Int32 = 0
  var slot = 0
  var deadline = NIODeadline.distantFuture

  var receiveWindow: ReceiveWindow
  var outgoing: OutboundQueue
  /// nghttp2 asked for data when there was none; it must be notified when there is.
  var isDeferred = false
  /// The status has been decided (server) or the request is complete (client).
  var isFinished = false
  var isRemoteClosed = false
  /// The response is complete before the request is: see `HTTP2Connection.resetAfterEnd`.
  var isCutShort = false
  var isClosed = false
  var onWritable: (@Sendable () -> Void)?
  var waiters: [CheckedContinuation<Bool, Never>] = []

  /// - Parameter window: what the peer may send on a new stream.
  init(
    outbox: LoopOutbox, receiveLimit: Int, sendBuffer: Int, window: Int,
    ledger: OutputLedger? = nil
  ) {
    self.outbox = outbox
    self.sendBuffer = sendBuffer
    self.ledger = ledger
    receiveWindow = ReceiveWindow(limit: receiveLimit, window: window)
    outgoing = OutboundQueue(capacity: sendBuffer)
  }

  var eventLoop: any EventLoop { outbox.eventLoop }

  // MARK: From any thread

  func send(_ payload: ByteBuffer) {
    count(payload.readableBytes + OutboundMessage.prefixBytes, insteadOf: 0)
    if isDirect { enqueue(payload) } else { post(.send(self, payload)) }
  }

  /// - Parameter charge: what the ledger holds for this call, until now.
  func sendAndFinish(_ payload: ByteBuffer, insteadOf charge: Int) {
    count(payload.readableBytes + OutboundMessage.prefixBytes, insteadOf: charge)
    guard isDirect else { return post(.sendAndFinish(self, payload)) }
    enqueue(payload)
    applyFinish(.ok)
  }

  private func count(_ bytes: Int, insteadOf charge: Int) {
    pending.add(bytes, ordering: .relaxed)
    ledger?.add(bytes - charge)
  }

  func finish(_ status: RPCStatus) {
    if isDirect { applyFinish(status) } else { post(.finish(self, status)) }
  }

  func execute(_ work: @escaping @Sendable () -> Void) {
    outbox.post(.run(work))
  }

  /// On the loop, with nothing of this stream waiting in the outbox that must go first: while the
  /// outbox is worked off, all that was posted before the present item has gone.
  private var isDirect: Bool {
    eventLoop.inEventLoop && (queued.load(ordering: .acquiring) == 0 || outbox.isDraining)
  }

  private func post(_ item: OutboxItem) {
    queued.add(1, ordering: .acquiringAndReleasing)
    outbox.post(item)
  }

  func settleQueued() {
    queued.subtract(1, ordering: .acquiringAndReleasing)
  }

  // MARK: On the event loop

  func enqueue(_ payload: ByteBuffer) {
    let bytes = payload.readableBytes + OutboundMessage.prefixBytes
    guard !isClosed, !isFinished else {
      pending.subtract(bytes, ordering: .relaxed)
      ledger?.add(-bytes)
      connection?.capacityFreed()
      return
    }
    outgoing.append(payload)
    pushOut()
  }

  /// There is something new to send, or the end is decided: gets the frames under way.
  func pushOut() {
    guard let connection, !isClosed else { return }
    openOutput(connection)
    if isDeferred {
      isDeferred = false
      connection.session.resume(id)
    }
    connection.touch()
  }

  /// Sends what must precede data, if that has not happened: a server's response headers.
  func openOutput(_ connection: HTTP2Connection) {}

  func applyFinish(_ status: RPCStatus) {}

  /// What the next DATA frame takes; called back by nghttp2.
  func nextChunk(_ limit: Int) -> OutgoingChunk {
    if outgoing.bytes > limit { return .some(limit) }
    if isFinished { return lastChunk(outgoing.bytes) }
    if outgoing.bytes > 0 { return .some(outgoing.bytes) }
    isDeferred = true
    return .none
  }

  /// The end of this side's data.
  func lastChunk(_ count: Int) -> OutgoingChunk { .last(count, withTrailers: false) }

  /// Moves data to the connection's output, which counts it off the ledger; called back by nghttp2.
  func moveOutgoing(_ count: Int, to out: inout ByteBuffer) {
    let hasDrained = outgoing.move(count, to: &out)
    pending.subtract(count, ordering: .relaxed)
    if hasDrained, onWritable != nil || !waiters.isEmpty || receiveWindow.isBlocked {
      connection?.table.becameWritable(self)
    }
  }

  func dropOutgoing() {
    let bytes = outgoing.removeAll()
    pending.subtract(bytes, ordering: .relaxed)
    ledger?.add(-bytes)
  }

  // MARK: Receiving, on the event loop

  func receivedHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {}
  func receivedHeaders(endOfStream: Bool) {}
  func receivedMessage(_ message: ByteBuffer) {}
  /// A DATA frame is complete that does not end the stream.
  func receivedPart() {}
  func receivedEnd() {}
  /// What arrived breaks gRPC's rules or limits.
  func failReceiving(_ status: RPCStatus) {}
  /// The deadline has passed.
  func expire() {}
  /// The stream is gone. Nil reset code: the whole connection is.
  func closed(resetCode: UInt32?, reason: RPCStatus) {}
  /// What waited for capacity may go on: called when there may be some.
  func retry() { advance() }
}
