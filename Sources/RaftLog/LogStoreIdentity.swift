/// The cluster and store that own a raft log.
package struct LogStoreIdentity: Sendable, Hashable, CustomStringConvertible {
  package var clusterID: UInt64
  package var storeID: UInt64

  package init(clusterID: UInt64, storeID: UInt64) {
    self.clusterID = clusterID
    self.storeID = storeID
  }

  package var description: String { "store \(storeID) of cluster \(clusterID)" }
}
