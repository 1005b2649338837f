import Codec
package import Raftstore
import Runtime
package import SimulationKit

/// What a cluster must survive: no fault goes beyond it.
///
/// **Deaths.** Processes and machines may die at any time, all of them at once too, and lose what was
/// not synced: nothing acknowledged may be lost. Messages may be lost, late, repeated or out of order.
///
/// **Permanent loss.** A disk that is wiped, or damaged where nothing can repair it, takes the replicas
/// on it permanently. Of a region's three replicas one may be lost: `mayLose` lets it happen only while
/// all regions are whole, every replica is on a store that responds and holds everything committed, and
/// no other loss is being repaired. From then on nothing else is lost permanently until all that is
/// true again. Anything else may go on meanwhile: two of three remain, whatever was committed is on one
/// of them, and the two are a majority.
///
/// **Clocks.** A lease lasts `maxLeaderLease` of the leader's time from the sending of a round that a
/// quorum has confirmed. Who confirmed it grants no vote for an election timeout of its own time: of
/// `electionTicks` the first may follow at once, so it is `(electionTicks - 1) × baseTickInterval` at
/// least; a process that has just started has forgotten whom it confirmed and grants none for
/// `maxLeaderLease + baseTickInterval`. Two leaders hold a lease at the same time only if the shorter
/// of these, on a clock that is fast by d, is over before the lease is on one that is slow by d:
///
///     silence / (1 + d) < lease / (1 - d),  that is  d > (silence - lease) / (silence + lease).
///
/// With 300 ms against 350 ms that is 50 / 650 = 7.69 %: far more than real clocks are wrong. The time
/// of day may be wrong by any amount; nothing depends on it. A monotonic clock never jumps while a
/// process runs; after a restart of its machine it counts from anywhere.
///
/// **The placement driver.** It may be dead, slow, or restarted without what it had not synced, and may
/// respond with what was true before. Its disk is never lost: it is the only one, and stores would
/// come to share ids.
package struct FaultLimits: Sendable {
  /// By how much a clock may be too fast or too slow, in millionths: within nine tenths of what the
  /// leases bear.
  package let clockDriftPerMillion: Int64

  package init(_ config: RaftstoreConfig) {
    let lease = config.maxLeaderLease.asNanoseconds
    let silence = min(
      (config.baseTickInterval * (config.electionTicks - 1)).asNanoseconds,
      (config.maxLeaderLease + config.baseTickInterval).asNanoseconds)
    let bound = max(0, (silence - lease) * 1_000_000 / (silence + lease))
    clockDriftPerMillion = bound * 9 / 10
  }

  /// Why nothing may be lost permanently now; nil when the cluster would survive it.
  package func objection(toLossIn view: ClusterView) -> String? {
    let cluster = view.cluster
    guard cluster.isWhole else { return "not every region has its replicas" }
    for store in cluster.stores where !store.isUp || view.replicas[store.number] == nil {
      return "\(store.machine.name) does not respond"
    }
    for region in cluster.newestRegions() {
      guard let leader = view.leader(of: region.id)?.status else {
        return "region \(region.id) has no leader"
      }
      for peer in region.peers {
        guard
          let found = view.replicas(of: region.id).first(where: { $0.status.peer.id == peer.id })
        else { return "\(peer) of region \(region.id) does not respond" }
        let status = found.status
        if status.term != leader.term || status.isApplyingSnapshot
          || status.lastIndex < leader.committed
          || leader.progress.first(where: { $0.peerID == peer.id })
            .map({ $0.match < leader.committed }) ?? (peer.id != leader.peer.id)
        {
          return "\(peer) of region \(region.id) has not caught up"
        }
      }
    }
    return nil
  }
}
