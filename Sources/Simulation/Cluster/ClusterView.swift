package import Raftstore

/// A cluster as a checker sees it: what the stores said of their replicas a moment ago, and everything
/// that can be looked at from outside.
package struct ClusterView {
  package let cluster: SimulatedCluster
  /// By the number of the store's machine; those that could not respond are not there.
  package let replicas: [Int: [RegionStatus]]
  /// What is on the disks of all stores at this moment.
  package let disks: [DiskView]

  package init(cluster: SimulatedCluster, replicas: [Int: [RegionStatus]]) {
    self.cluster = cluster
    self.replicas = replicas
    disks = cluster.stores.map(DiskView.init)
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
