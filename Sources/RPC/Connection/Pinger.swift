import NIOCore

/// Watches one connection for silence. On the event loop only.
final class Pinger {
  /// The payload of the ping that follows a shutdown notice.
  static let drainMark: UInt64 = 0x6472_6169_6e00_0001
  private static let keepaliveMark: UInt64 = 0x616c_6976_6500_0001

  private let keepalive: Keepalive
  private weak var connection: HTTP2Connection?
  private var timer: Scheduled<Void>?
  private var isQuiet = true
  private var isWaiting = false

  init(_ keepalive: Keepalive, _ connection: HTTP2Connection) {
    self.keepalive = keepalive
    self.connection = connection
    arm(keepalive.interval, connection)
  }

  /// Something arrived.
  func received() {
    isQuiet = false
    isWaiting = false
  }

  func stop() {
    timer?.cancel()
    timer = nil
  }

  private func arm(_ delay: TimeAmount, _ connection: HTTP2Connection) {
    timer = connection.outbox.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in
      self?.fire()
    }
  }

  private func fire() {
    guard let connection, !connection.isClosed else { return }
    if isWaiting {
      return connection.close(RPCStatus(.unavailable, "keepalive ping timed out"))
    }
    guard isQuiet else {
      isQuiet = true
      return arm(keepalive.interval, connection)
    }
    connection.becameQuiet()
    isWaiting = true
    connection.session.ping(Self.keepaliveMark)
    connection.touch()
    arm(keepalive.timeout, connection)
  }
}
