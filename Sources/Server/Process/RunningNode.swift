package import Codec

/// A store node that serves, alone or in a cluster.
package protocol RunningNode: Sendable {
  /// Where clients reach it.
  var address: HostPort { get }
  var identity: StoreIdent { get }
  var health: HealthService { get }

  /// Stops taking requests, gives leaders away, finishes what is under way, closes the disks.
  func stop() async
}

/// Why a process cannot start: the cause and a remedy.
package struct StartError: Error, Sendable, CustomStringConvertible {
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
