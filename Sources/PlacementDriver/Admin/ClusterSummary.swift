/// Counts over the whole cluster.
package struct ClusterSummary: Sendable, Hashable {
  package var clusterID: UInt64
  package var isBootstrapped: Bool
  package var maxReplicas: Int
  package var regionCount: Int
  /// Regions of which a leader is known.
  package var ledRegionCount: Int
  package var storeCounts: [StoreStatus: Int]
  package var storageSize: UInt64
  package var storageCapacity: UInt64
  package var missingPeerRegions = 0
  package var extraPeerRegions = 0
  package var downPeerRegions = 0
  package var pendingPeerRegions = 0
  package var offlinePeerRegions = 0
  package var learnerPeerRegions = 0
  package var emptyRegions = 0
  package var operatorCount: Int
}

/// Counters since PD's start.
package struct PDStatistics: Sendable, Hashable {
  package var heartbeats: UInt64 = 0
  package var refusedHeartbeats: UInt64 = 0
  /// Commands sent to leaders, repetitions counted.
  package var commands: UInt64 = 0
}
