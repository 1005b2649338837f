import NIOCore
import RPC

/// The open connections of the status port. On its event loop.
///
/// A crowd that opens connections and sends or reads nothing must not keep others out: when all places are
/// taken, a new connection ends the one whose client has kept it waiting longest.
final class StatusConnections {
  private let capacity: Int
  private var open: [ObjectIdentifier: HTTP1Handler] = [:]

  /// - Parameter capacity: connections that may be open at a time, the newest one included.
  init(capacity: Int) {
    self.capacity = capacity
  }

  /// Serves a new connection.
  func add(_ channel: any Channel, _ service: HTTPService) throws {
    if open.count + 1 >= capacity { waitingLongest?.close() }
    let name = ObjectIdentifier(channel)
    open[name] = try HTTP1Handler.install(on: channel, service)
    channel.closeFuture.assumeIsolated().whenComplete { _ in self.open[name] = nil }
  }

  /// Of those that wait for their client: first for a request, then for the reply to be read.
  private var waitingLongest: HTTP1Handler? {
    func longest(_ phase: HTTP1Handler.Phase) -> HTTP1Handler? {
      open.values.filter { $0.phase == phase }.min { $0.phaseStart < $1.phaseStart }
    }
    return longest(.receiving) ?? longest(.sending)
  }
}
