package import NIOCore

/// How a server listens and what it admits. Sizes are in bytes.
///
/// What one connection can make the server hold is bounded by `heldBytesPerConnection`, one message,
/// `extraWindowBytes`, `initialWindowBytes` for each stream, and `responseBytesPerConnection`; what all of
/// them can, by twice the limits of `budget` and `priorityBudget`.
package struct ServerConfiguration: Sendable {
  /// One rule for all that is sent between clients, stores and placement drivers: what is proposed must
  /// fit into a message of this size, with what goes around it.
  package static let defaultMaxReceiveMessageBytes = 64 << 20

  package var host: String
  /// 0 lets the system choose; `RPCServer.start` responses which.
  package var port: Int
  package var tls: ServerTLS?
  /// Serves the connections of clients that ask for it (`ClientConfiguration.hasPriority`), and nothing
  /// else; it must outlive the server. Nil, and behind TLS: they are served like all others.
  package var priorityLoop: (any EventLoop)?
  /// More of them at a time are served like all others: anyone can ask.
  package var maxPriorityConnections = 256
  /// A larger message, as it comes or decompressed, ends its call with `resourceExhausted`.
  package var maxReceiveMessageBytes = Self.defaultMaxReceiveMessageBytes
  package var maxConcurrentStreams = 1024
  package var connectionWindowBytes = 32 << 20
  /// The window of a new stream. It is widened for a large message and for a busy stream.
  package var initialWindowBytes = 65_535
  /// The widest window of a stream.
  package var streamWindowBytes = 8 << 20
  /// All by which windows of a connection's streams may be widened.
  package var extraWindowBytes = 64 << 20
  /// Received bytes of unfinished and undelivered messages of a connection, above which only one of its
  /// unfinished messages may grow.
  package var heldBytesPerConnection = 64 << 20
  /// Responses that a connection's calls have queued or are expected to give, with the requests they
  /// work on, above which its further calls wait.
  package var responseBytesPerConnection = 32 << 20
  /// What calls hold; to be shared by all servers of a process. Beyond it unary calls are refused and
  /// streams wait.
  package var budget = ByteBudget(limit: 512 << 20)
  /// The same for connections on `priorityLoop`, so that what other clients hold refuses none of theirs.
  package var priorityBudget = ByteBudget(limit: 256 << 20)
  package var maxHeaderListBytes = 16 << 10
  /// Queued bytes of one stream above which `StreamCall.isWritable` is false.
  package var sendBufferBytes = 1 << 20
  /// Notices clients that are gone silently. Nil: no pings.
  package var keepalive: Keepalive? = Keepalive(interval: .seconds(15), timeout: .seconds(10))
  /// From accepting a connection to its TLS handshake and both sides' HTTP/2 SETTINGS.
  package var handshakeTimeout = TimeAmount.seconds(10)
  /// A connection that holds memory while `budget` is used up must move something in this time, and read a
  /// sixteenth of its responses in each tenth of it.
  package var stallTimeout = TimeAmount.seconds(10)
  /// Resets by the client: so many at once, then so many a second, before the connection is closed.
  package var resetBurst = 20_000
  package var resetsPerSecond = 2_000
  package var backlog = 1024
  /// How many connections are accepted; further ones wait. Of this server alone.
  package var connectionLimit = ConnectionLimit(capacity: .max)
  /// What the port serves beside gRPC, over HTTP/1.1 and HTTP/2. Without TLS only.
  package var http: HTTPService?

  package init(host: String = "127.0.0.1", port: Int = 0, tls: ServerTLS? = nil) {
    self.host = host
    self.port = port
    self.tls = tls
  }

  var limits: SessionLimits {
    SessionLimits(
      maxConcurrentStreams: maxConcurrentStreams, connectionWindow: connectionWindowBytes,
      initialWindow: firstWindow, streamWindow: max(firstWindow, streamWindowBytes),
      extraWindow: extraWindowBytes, heldBytes: heldBytesPerConnection,
      maxMessageBytes: maxReceiveMessageBytes, maxHeaderListBytes: maxHeaderListBytes,
      resetBurst: resetBurst,
      resetsPerSecond: resetsPerSecond, handshakeTimeout: handshakeTimeout,
      stallTimeout: stallTimeout,
      readingTimeout: .nanoseconds(stallTimeout.nanoseconds / 10))
  }

  var firstWindow: Int { min(initialWindowBytes, streamWindowBytes) }
}
