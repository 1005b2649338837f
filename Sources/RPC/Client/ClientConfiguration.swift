package import NIOCore

/// How a client connects and what it accepts.
package struct ClientConfiguration: Sendable {
  package var tls: ClientTLS?
  /// Asks the server to serve the connection apart from those of other clients, if it can.
  package var hasPriority = false
  /// Until the server's HTTP/2 SETTINGS have arrived.
  package var connectTimeout: TimeAmount = .seconds(3)
  package var initialBackoff: TimeAmount = .milliseconds(100)
  package var maxBackoff: TimeAmount = .seconds(5)
  /// Nil: no pings.
  package var keepalive: Keepalive? = Keepalive()
  package var maxReceiveMessageBytes = ServerConfiguration.defaultMaxReceiveMessageBytes
  package var connectionWindowBytes = 32 << 20
  package var streamWindowBytes = 8 << 20
  package var maxHeaderListBytes = 16 << 10
  /// Queued bytes of one stream above which `ClientStream.isWritable` is false.
  package var sendBufferBytes = 1 << 20

  package init() {}

  var limits: SessionLimits {
    SessionLimits(
      hasPriority: hasPriority,
      maxConcurrentStreams: 0, connectionWindow: connectionWindowBytes,
      initialWindow: streamWindowBytes, streamWindow: streamWindowBytes,
      maxMessageBytes: maxReceiveMessageBytes, maxHeaderListBytes: maxHeaderListBytes,
      resetBurst: 20_000, resetsPerSecond: 2_000)
  }
}
