package import NIOCore

/// Options of a call.
package struct CallOptions: Sendable {
  package var timeout: TimeAmount?
  package var metadata: RPCMetadata
  /// Wait for the channel to connect instead of failing while it cannot.
  package var waitForReady: Bool

  package init(
    timeout: TimeAmount? = nil, metadata: RPCMetadata = RPCMetadata(), waitForReady: Bool = false
  ) {
    self.timeout = timeout
    self.metadata = metadata
    self.waitForReady = waitForReady
  }
}

/// Whether a channel can carry calls now.
package enum ChannelState: UInt8, Sendable {
  /// Not asked for anything yet.
  case idle
  /// First attempt, or first after a connection was lost: calls wait for its outcome.
  case connecting
  case ready
  /// Attempts fail; the next is made after a pause. Calls fail at once unless they wait for ready.
  case failing
  case closed
}
