import Codec
import Raftstore
import Simulation
import SimulationKit

/// The cluster of a run, for a mutant that needs it: set once the cluster exists.
final class ClusterReference {
  private(set) weak var cluster: SimulatedCluster?

  /// Waits for the cluster that `setup` leads to.
  init(_ setup: inout RunSetup) {
    let before = setup.prepare
    setup.prepare = { [self] cluster in
      before(cluster)
      self.cluster = cluster
    }
  }

  /// Whether every region has had all its replicas: before that a bug would only show that a cluster
  /// cannot be bootstrapped.
  var isBootstrapDone: Bool {
    if !wasBootstrapped { wasBootstrapped = cluster?.isWhole == true }
    return wasBootstrapped
  }

  private var wasBootstrapped = false

  var directory: StoreDirectory? { cluster?.directory }

  /// The message with the id of the store that now runs on its receiver's machine.
  func readdressed(_ envelope: RaftEnvelope) -> RaftEnvelope {
    guard let directory, let machine = directory.machine(ofStore: envelope.to.storeID),
      let process = machine.process, let inbox = directory.inbox(of: process)
    else { return envelope }
    var changed = envelope
    changed.to.storeID = inbox.storeID
    return changed
  }
}
