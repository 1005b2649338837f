package import NIOCore

/// Pings on a quiet connection, to notice a peer that is gone silently.
package struct Keepalive: Sendable {
  /// Quiet time before a ping.
  package var interval: TimeAmount
  /// Time for anything at all to arrive after it, before the connection is given up.
  package var timeout: TimeAmount

  package init(interval: TimeAmount = .seconds(10), timeout: TimeAmount = .seconds(3)) {
    self.interval = interval
    self.timeout = timeout
  }
}
