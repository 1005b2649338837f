import Raftstore
import SimulationKit

/// Election safety: in one term at most one peer of a region leads, over the whole run. Known from what
/// replicas show of themselves, and from every message that only a leader sends.
final class ElectionSafetyChecker: ClusterChecker {
  let name = "election-safety"

  func check(_ view: ClusterView) -> String? {
    let observer = view.cluster.network.observer
    for (_, status) in view.all where status.role == .leader {
      observer.lead(
        RaftMessageObserver.Replica(region: status.region.id, peer: status.peer.id), status.term)
    }
    return observer.doubleLeader
  }
}
