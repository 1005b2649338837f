import SimulationKit

/// A peer that has taken a snapshot can apply it: its files stay, whole, until they are applied, whatever
/// crashes. Only damage to the files of a received snapshot may cost a peer its log and data, and a merge whose source
/// has made way for a snapshot before it could catch up: the target then starts over.
final class SnapshotChecker: ClusterChecker {
  let name = "snapshots"

  func check(_ view: ClusterView) -> String? {
    for disk in view.disks
    where disk.store.disk.damagedSnapshots == 0
      && !disk.replicas.contains(where: { $0.local?.merge != nil })
    {
      for replica in disk.replicas {
        guard let lost = replica.lostIndex else { continue }
        let name = disk.store.machine.name
        return "on \(name) a peer of region \(replica.regionID) has lost its log up to \(lost), "
          + "although no received snapshot was damaged"
      }
    }
    return nil
  }
}
