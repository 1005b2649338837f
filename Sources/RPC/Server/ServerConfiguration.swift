package import NIOCore

/// How a server listens and what it admits. Sizes are in bytes.
///
/// What one connection can make the server hold is bounded by `memory.heldBytesPerConnection`, one message,
/// `windows.extra`, `windows.initial` for each stream, and `memory.responseBytesPerConnection`; what all of
/// them can, by twice the limits of `memory.budget` and `priority.budget`.
package struct ServerConfiguration: Sendable {
  /// One rule for all that is sent between clients, stores and placement drivers: what is proposed must
  /// fit into a message of this size, with what goes around it.
  package static let defaultMaxReceiveMessageBytes = 64 << 20

  package var host: String
  /// 0 lets the system choose; `RPCServer.start` returns which.
  package var port: Int
  package var tls: ServerTLS?
  /// The length of the system's queue of connections that are not accepted yet.
  package var backlog = 1024
  /// How many connections are accepted; further ones wait. Of this server alone.
  package var connectionLimit = ConnectionLimit(capacity: .max)
  /// From accepting a connection to its TLS handshake and both sides' HTTP/2 SETTINGS.
  package var handshakeTimeout = TimeAmount.seconds(10)
  /// Notices clients that are gone silently. Nil: no pings.
  package var keepalive: Keepalive? = Keepalive(interval: .seconds(15), timeout: .seconds(10))
  /// What the port serves beside gRPC, over HTTP/1.1 and HTTP/2. Without TLS only.
  package var http: HTTPService?

  package var maxConcurrentStreams = 1024
  /// A larger message, as it comes or decompressed, ends its call with `resourceExhausted`.
  package var maxReceiveMessageBytes = Self.defaultMaxReceiveMessageBytes
  package var maxHeaderListBytes = 16 << 10
  /// Queued bytes of one stream above which `StreamCall.isWritable` is false.
  package var sendBufferBytes = 1 << 20

  package var windows = Windows()
  package var memory = Memory()
  package var priority = Priority()
  package var resets = Resets()

  /// HTTP/2 flow control: what clients may send before it is handled.
  package struct Windows: Sendable {
    /// Of a whole connection.
    package var connection = 32 << 20
    /// Of a new stream. It is widened for a large message and for a busy stream.
    package var initial = 65_535
    /// The widest window of a stream.
    package var stream = 8 << 20
    /// All by which windows of a connection's streams may be widened.
    package var extra = 64 << 20

    /// The window that new streams have.
    var first: Int { min(initial, stream) }
  }

  /// What calls may make the server hold.
  package struct Memory: Sendable {
    /// Received bytes of unfinished and undelivered messages of a connection, above which only one of its
    /// unfinished messages may grow.
    package var heldBytesPerConnection = 64 << 20
    /// Responses that a connection's calls have queued or are expected to give, with the requests they
    /// work on, above which its further calls wait.
    package var responseBytesPerConnection = 32 << 20
    /// What calls hold; to be shared by all servers of a process. Beyond it unary calls are refused and
    /// streams wait.
    package var budget = ByteBudget(limit: 512 << 20)
    /// A connection that holds memory while `budget` is used up must move something in this time, and read
    /// a sixteenth of its responses in each tenth of it.
    package var stallTimeout = TimeAmount.seconds(10)
  }

  /// Connections of clients that ask for it (`ClientConfiguration.hasPriority`), served apart from others.
  package struct Priority: Sendable {
    /// Serves them, and nothing else; it must outlive the server. Nil, and behind TLS: they are served like
    /// all others.
    package var loop: (any EventLoop)?
    /// More of them at a time are served like all others: anyone can ask.
    package var maxConnections = 256
    /// In place of `memory.budget`, so that what other clients hold refuses none of their calls.
    package var budget = ByteBudget(limit: 256 << 20)
  }

  /// How many streams a client may reset before its connection is closed.
  package struct Resets: Sendable {
    /// At once.
    package var burst = 20_000
    /// Every second from then on.
    package var perSecond = 2_000
  }

  package init(host: String = "127.0.0.1", port: Int = 0, tls: ServerTLS? = nil) {
    self.host = host
    self.port = port
    self.tls = tls
  }

  var limits: SessionLimits {
    SessionLimits(
      maxConcurrentStreams: maxConcurrentStreams, connectionWindow: windows.connection,
      initialWindow: windows.first, streamWindow: max(windows.first, windows.stream),
      extraWindow: windows.extra, heldBytes: memory.heldBytesPerConnection,
      maxMessageBytes: maxReceiveMessageBytes, maxHeaderListBytes: maxHeaderListBytes,
      resetBurst: resets.burst, resetsPerSecond: resets.perSecond,
      handshakeTimeout: handshakeTimeout, stallTimeout: memory.stallTimeout,
      readingTimeout: .nanoseconds(memory.stallTimeout.nanoseconds / 10))
  }
}
