import NIOCore

/// The memory a connection holds for its streams, and the streams that wait for it.
struct ConnectionMemory {
  /// Received and held for the receivers, or for the rest of a message.
  var input = 0
  /// How much of that are unfinished messages. The rest is whole, and waits for its receiver or for
  /// capacity.
  var unfinished = 0
  /// By how much streams' windows are wider than the initial one.
  var extraWindow = 0
  /// Streams that may not deliver, for lack of capacity for responses.
  var blocked = StreamQueue()
  /// Streams whose unfinished message may not grow.
  var starved = StreamQueue()
  /// The one whose unfinished message may grow all the same, so that one always ends.
  var prioritized: CallStream?
  /// Responses have reached the limit and not yet fallen to half of it.
  var isNearLimit = false
  /// A blocked stream might go on.
  var wantsRetry = false
  var isRetryScheduled = false
  /// Messages that streams may still be given in this turn of the loop.
  var deliveries = ConnectionMemory.deliveriesPerTurn

  /// Its streams with messages to decompress; made for the first of them.
  var inflating: InflateLane?

  /// Moved from streams to the socket and not yet counted off the ledger.
  var moved = 0
  /// In the socket's queue of this process, as far as it is known.
  var inSocket = 0
  /// Bytes that the socket has taken, ever.
  var taken = 0
  /// Bytes in and out, ever: whether anything moves.
  var progress = 0

  static let deliveriesPerTurn = 512
}

/// A connection's timers.
struct ConnectionTimers {
  var deadline = DeadlineTimer()
  /// Ends a connection that does not become one of HTTP/2.
  var handshake: Scheduled<Void>?
  /// Looks whether held memory moves; armed only while there is much.
  var stall: Scheduled<Void>?
  /// Looks whether the peer reads; armed only while it has much to read.
  var reading: Scheduled<Void>?
  /// Tries again what waits for the whole server's memory.
  var budget: Scheduled<Void>?
  var pinger: Pinger?

  mutating func cancelAll() {
    deadline.cancel()
    handshake?.cancel()
    stall?.cancel()
    reading?.cancel()
    budget?.cancel()
    pinger?.stop()
    self = ConnectionTimers()
  }
}

/// What nghttp2's callbacks read and write while a call into it is under way.
struct Arrival {
  var bytes: ByteBuffer?
  // Unsafe: the address of the bytes, set only while nghttp2 reads them.
  var base: UnsafeRawPointer?
  /// DATA that the connection's window is to be given back.
  var unconsumed = 0
  /// Whose header block is being read, and how large its list is so far.
  var headerStream: CallStream?
  var headerBytes = 0
  var hasSettings = false
  var hasAcknowledgement = false
}
