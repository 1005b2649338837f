package import Codec

/// A running store: its workers, and what requests need to reach its regions.
///
/// Made by `Store.start` (identity known) or `Node.start` (joins or bootstraps a cluster first).
package final class Store: Sendable {
  package let storeID: UInt64
  package let clusterID: UInt64
  /// What the placement driver knows of this store: addresses, labels, version.
  package let info: StoreInfo
  package let router: Router
  package let meta: StoreMeta
  /// Serves a leader's reads on the caller's thread while its lease holds.
  package let reader: LocalReader
  private let workers: StoreWorkers

  init(
    ident: StoreIdent, info: StoreInfo, router: Router, meta: StoreMeta, reader: LocalReader,
    workers: StoreWorkers
  ) {
    storeID = ident.storeID
    clusterID = ident.clusterID
    self.info = info
    self.router = router
    self.meta = meta
    self.reader = reader
    self.workers = workers
  }

  /// The state of one region's replica here, or of all; called once per shard.
  package func inspect(
    _ regionID: UInt64?, _ completion: @escaping @Sendable ([RegionStatus]) -> Void
  ) {
    router.inspect(regionID, completion)
  }

  /// Asks the leaders here to hand over, so that stopping interrupts no one. Returns at once; how far
  /// it got can be inspected.
  package func evictLeaders() {
    router.broadcast(.evictLeaders)
  }

  /// Stops all workers in order and completes everything that still waits. Blocks; idempotent.
  package func stop() {
    workers.stop()
  }
}
