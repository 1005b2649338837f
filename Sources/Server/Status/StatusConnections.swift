import NIOCore
import RPC

/// The open connections of the status port. Used on its event loop.
///
/// Clients that open connections and neither send nor read must not keep others out: at the limit a new
/// connection closes the one that has waited longest for its client.
final class StatusConnections {
  private let capacity: Int
  private var open: [ObjectIdentifier: HTTP1Handler] = [:]

  /// - Parameter capacity: the most open connections, the newest one included.
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

  /// The connection that has waited longest for a request, else for its client to read a response.
  private var waitingLongest: HTTP1Handler? {
    func longest(_ phase: HTTP1Handler.Phase) -> HTTP1Handler? {
      open.values.filter { $0.phase == phase }.min { $0.phaseStart < $1.phaseStart }
    }
    return longest(.receiving) ?? longest(.sending)
  }
}
