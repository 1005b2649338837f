import Codec
import Raftstore

/// A client of the placement driver that forwards everything to another one: what a mutant changes, a type
/// implements itself.
protocol ForwardingPDClient: PDClient {
  /// Where everything goes that the type does not implement.
  var base: any PDClient { get }
}

extension ForwardingPDClient {
  func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    base.clusterID(completion)
  }

  func allocateID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void) {
    base.allocateID(completion)
  }

  func timestamp(_ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void) {
    base.timestamp(completion)
  }

  func isBootstrapped(_ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void) {
    base.isBootstrapped(completion)
  }

  func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    base.bootstrap(store: store, region: region, completion)
  }

  func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    base.putStore(store, completion)
  }

  func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void
  ) {
    base.store(id: id, completion)
  }

  func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    base.region(containing: key, completion)
  }

  func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void
  ) {
    base.region(id: id, completion)
  }

  func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void
  ) {
    base.askBatchSplit(region, count: count, completion)
  }

  func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    base.reportBatchSplit(regions, completion)
  }

  func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void
  ) {
    base.storeHeartbeat(statistics, completion)
  }

  func regionHeartbeat(_ heartbeat: RegionHeartbeat) { base.regionHeartbeat(heartbeat) }

  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void) {
    base.onOperator(receive)
  }

  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void) {
    base.onRefusal(receive)
  }

  func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void
  ) {
    base.reportMinResolvedTS(timestamp, storeID: storeID, completion)
  }
}
