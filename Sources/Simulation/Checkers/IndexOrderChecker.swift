import Codec
import Raftstore
import SimulationKit

/// The indexes of each replica are in order: log start ≤ truncated ≤ applied ≤ committed ≤ last.
///
/// In memory all of it. On disk the commit index says less, for it is not written for its own sake, but
/// what is applied was durable in the log before. While a snapshot is being applied log and apply
/// state need not match; they do again when the region is normal. While a process runs what is
/// applied never goes back; after a loss of power it may, to be applied again from the log. A region that a
/// split has created has records before it has a log.
final class IndexOrderChecker: ClusterChecker {
  let name = "index-order"

  private struct Incarnation: Hashable {
    var store: Int
    var generation: Int
    var process: UInt64
    var region: UInt64
    var peer: UInt64
  }

  private var applied: [Incarnation: UInt64] = [:]

  func check(_ view: ClusterView) -> String? {
    for (store, status) in view.all {
      if let problem = disorder(status) {
        return "\(store.machine.name), region \(status.region.id): \(problem)"
      }
    }
    for disk in view.disks {
      if let problem = disk.problem { return problem }
      for replica in disk.replicas {
        if let problem = disorder(replica) ?? regress(replica, disk) {
          return "on the disk of \(disk.store.machine.name), region \(replica.regionID): "
            + problem
        }
      }
    }
    return nil
  }

  private func disorder(_ status: RegionStatus) -> String? {
    if status.truncatedIndex > status.applied {
      return "truncated \(status.truncatedIndex) > applied \(status.applied)"
    }
    if status.applied > status.committed {
      return "applied \(status.applied) > committed \(status.committed)"
    }
    if status.committed > status.lastIndex {
      return "committed \(status.committed) > last \(status.lastIndex)"
    }
    return nil
  }

  private func disorder(_ replica: DiskView.Replica) -> String? {
    if replica.apply == Self.created, (replica.log?.lastIndex ?? 0) == 0 { return nil }
    guard let log = replica.log else {
      return replica.isLive ? "the region is there, but its log is gone" : nil
    }
    if replica.hardState.commit > log.lastIndex {
      return "committed \(replica.hardState.commit) > last \(log.lastIndex)"
    }
    guard replica.isLive, let apply = replica.apply else { return nil }
    if log.truncatedIndex > apply.truncatedIndex {
      return "the log starts after \(log.truncatedIndex) > truncated \(apply.truncatedIndex)"
    }
    if apply.truncatedIndex > apply.appliedIndex {
      return "truncated \(apply.truncatedIndex) > applied \(apply.appliedIndex)"
    }
    if apply.appliedIndex > log.lastIndex {
      return "applied \(apply.appliedIndex) > last \(log.lastIndex)"
    }
    return nil
  }

  /// The apply state of a region that a split has just created.
  private static let created = ApplyState(
    appliedIndex: 5, truncatedIndex: 5, truncatedTerm: 5, commitIndex: 5, commitTerm: 5)

  private func regress(_ replica: DiskView.Replica, _ disk: DiskView) -> String? {
    guard replica.isLive, let apply = replica.apply, let peer = replica.peerID else { return nil }
    let key = Incarnation(
      store: disk.store.number, generation: disk.store.disk.generation,
      process: disk.store.machine.incarnation, region: replica.regionID, peer: peer)
    let before = applied.updateValue(apply.appliedIndex, forKey: key) ?? 0
    guard apply.appliedIndex < before, disk.store.machine.isRunning else { return nil }
    return "applied falls from \(before) to \(apply.appliedIndex)"
  }
}
