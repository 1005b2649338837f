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
