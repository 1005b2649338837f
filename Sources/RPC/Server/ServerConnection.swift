import Logging
import NIOCore

/// The server's end of a connection.
final class ServerConnection: HTTP2Connection {
  let methods: MethodTable
  let configuration: ServerConfiguration
  private let onEnd: (ServerConnection) -> Void

  init(
    methods: MethodTable, configuration: ServerConfiguration, outbox: LoopOutbox, logger: Logger,
    onEnd: @escaping (ServerConnection) -> Void
  ) throws(SessionError) {
    self.methods = methods
    self.configuration = configuration
    self.onEnd = onEnd
    try super.init(
      ConnectionOptions(
        role: .server, limits: configuration.limits, keepalive: configuration.keepalive,
        needsALPN: configuration.tls != nil),
      ledger: OutputLedger(
        budget: configuration.memory.budget,
        limit: configuration.memory.responseBytesPerConnection),
      outbox: outbox, logger: logger)
  }

  override func makeStream() -> CallStream? { ServerCallStream(server: self) }

  override func connectionEnded(_ reason: RPCStatus) { onEnd(self) }
}
