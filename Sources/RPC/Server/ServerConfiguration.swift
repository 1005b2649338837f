package import NIOCore

/// How a server listens and what it admits.
package struct ServerConfiguration: Sendable {
  package var host: String
  /// 0 lets the system choose; `RPCServer.start` answers which.
  package var port: Int
  package var tls: ServerTLS?
  /// Serves the connections of clients that ask for it (`ClientConfiguration.hasPriority`), and nothing
  /// else; it must outlive the server. Nil, and behind TLS: they are served like all others.
  package var priorityLoop: (any EventLoop)?
  /// More of them at a time are served like all others: anybody can ask.
  package var maxPriorityConnections = 256
  /// A larger message ends its call with `resourceExhausted`.
  package var maxReceiveMessageBytes = 16 << 20
  package var maxConcurrentStreams = 4096
  package var connectionWindowBytes = 32 << 20
  package var streamWindowBytes = 8 << 20
  package var maxHeaderListBytes = 16 << 10
  /// Queued bytes of one stream above which `StreamCall.isWritable` is false.
  package var sendBufferBytes = 1 << 20
  package var keepalive: Keepalive?
  /// Resets by the client: so many at once, then so many a second, before the connection is closed.
  package var resetBurst = 20_000
  package var resetsPerSecond = 2_000
  package var backlog = 1024

  package init(host: String = "127.0.0.1", port: Int = 0, tls: ServerTLS? = nil) {
    self.host = host
    self.port = port
    self.tls = tls
  }

  var limits: SessionLimits {
    SessionLimits(
      maxConcurrentStreams: maxConcurrentStreams, connectionWindow: connectionWindowBytes,
      streamWindow: streamWindowBytes, maxHeaderListBytes: maxHeaderListBytes,
      maxUnsentAcknowledgements: 10_000, maxSettingsEntries: 32, resetBurst: resetBurst,
      resetsPerSecond: resetsPerSecond)
  }
}
