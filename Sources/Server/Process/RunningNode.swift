package import Codec

/// A running store, stand-alone or in a cluster.
package protocol RunningNode: Sendable {
  /// The address for clients.
  var address: HostPort { get }
  var identity: StoreIdent { get }
  var health: HealthService { get }

  /// Transfers leaders, stops serving, completes the requests in progress and closes the databases.
  func stop() async
}

/// Why a process cannot start, with the cause and, where there is one, a remedy.
package struct StartError: Error, Sendable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
