package import Raftstore

/// A cluster as a checker sees it: the status of all replicas, five milliseconds old, and the disks at this
/// moment.
package struct ClusterView {
  package let cluster: SimulatedCluster
  /// By the number of the store's machine; those that could not respond are not there.
  package let replicas: [Int: [RegionStatus]]
  /// What is on the disks of all stores at this moment.
  package let disks: [DiskView]

  /// By the number of the store's machine: the process that responded. Another one may run by now.
  private let incarnations: [Int: UInt64]

  /// - Parameter incarnations: the processes that responded; nil: those that run.
  package init(
    cluster: SimulatedCluster, replicas: [Int: [RegionStatus]],
    incarnations: [Int: UInt64]? = nil
  ) {
    self.cluster = cluster
    self.replicas = replicas
    self.incarnations =
      incarnations
      ?? Dictionary(
        uniqueKeysWithValues: cluster.stores.map { ($0.number, $0.machine.incarnation) })
    disks = cluster.stores.map(DiskView.init)
  }

  /// The process whose replicas' status the view has.
  package func incarnation(of store: SimulatedStore) -> UInt64 {
    incarnations[store.number] ?? store.machine.incarnation
  }

  /// The replicas that responded, in the order of their stores and regions.
  package var all: [(store: SimulatedStore, status: RegionStatus)] {
    cluster.stores.flatMap { store in
      (replicas[store.number] ?? []).sorted { $0.region.id < $1.region.id }.map { (store, $0) }
    }
  }

  /// Every running store that has a replica of the region, with the replica's status.
  package func replicas(of regionID: UInt64) -> [(store: SimulatedStore, status: RegionStatus)] {
    all.filter { $0.status.region.id == regionID }
  }

  /// The leader of the highest term that responded.
  package func leader(
    of regionID: UInt64
  ) -> (store: SimulatedStore, status: RegionStatus)? {
    replicas(of: regionID).filter { $0.status.role == .leader }
      .max { $0.status.term < $1.status.term }
  }
}
