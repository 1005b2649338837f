/// Which store of which cluster a data directory belongs to: `raft_serverpb.StoreIdent`.
package struct StoreIdent: Sendable, Hashable {
  package var clusterID: UInt64
  package var storeID: UInt64

  package init(clusterID: UInt64 = 0, storeID: UInt64 = 0) {
    self.clusterID = clusterID
    self.storeID = storeID
  }
}
