import Logging
import NIOCore

/// The client's end of a connection.
final class ClientConnection: HTTP2Connection {
  let authority: [UInt8]
  let isTLS: Bool
  private weak var core: ChannelCore?
  private(set) var isReady = false

  init(
    core: ChannelCore, authority: [UInt8], configuration: ClientConfiguration, logger: Logger
  ) throws(SessionError) {
    self.core = core
    self.authority = authority
    isTLS = configuration.tls != nil
    try super.init(
      ConnectionOptions(
        role: .client, limits: configuration.limits, keepalive: configuration.keepalive,
        needsALPN: configuration.tls != nil),
      ledger: nil, outbox: core.outbox, logger: logger)
  }

  override func peerIsReady() {
    guard !isReady else { return }
    isReady = true
    core?.becameReady(self)
  }

  override func peerSentGoAway() { core?.isGoingAway(self) }

  override func connectionEnded(_ reason: RPCStatus) { core?.ended(self, reason) }
}
