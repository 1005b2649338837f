/// The placement driver as a store sees it, in the same process or over the network.
///
/// Calls never block. Completions run on any thread and are called exactly once. A call that fails with
/// `unreachable` may have had its effect; nothing is retried here.
package protocol PDClient: AnyObject, Sendable {
  /// The id of the cluster that PD serves.
  func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void)
  /// One id that PD never allocates again, for a store, a region or a peer.
  func allocateID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void)
  /// A timestamp later than every one that PD has issued before the call.
  func timestamp(_ completion: @escaping @Sendable (Result<Timestamp, PDClientError>) -> Void)
  func isBootstrapped(_ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void)
  /// Registers the cluster's first store and region. Fails with `alreadyBootstrapped` if another store was first.
  func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  /// Registers a store, or what has changed about it since.
  func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  /// Fails with `refused` if PD has never registered the store; a tombstone is returned.
  func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void)
  /// Nil if PD knows no region that holds `key`.
  func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void)
  /// Nil if PD knows no region of this id.
  func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void)
  /// Ids for `count` new regions, for a split of `region` as it is now. Ids that are not used stay unused.
  func askBatchSplit(
    _ region: Region, count: UInt32,
    _ completion: @escaping @Sendable (Result<[SplitIDs], PDClientError>) -> Void)
  /// Reports the regions that a split has made of one, in key order. It may be lost: their leaders' heartbeats
  /// say the same.
  func reportBatchSplit(
    _ regions: [Region],
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  /// The response may have a plan that the store must carry out.
  func storeHeartbeat(
    _ heartbeat: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<RecoveryPlan?, PDClientError>) -> Void)
  /// Sends a leader's report; an unsent older one of the same region is replaced.
  func regionHeartbeat(_ heartbeat: RegionHeartbeat)
  /// Sets the receiver of operator steps for regions led by this store; call it before the first heartbeat.
  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void)
  /// Sets the receiver of refusals of this store's reports; call it before the first heartbeat.
  func onRefusal(_ receive: @escaping @Sendable (RefusedHeartbeat) -> Void)
  /// Reports the timestamp up to which all regions that the store leads are resolved: no transaction commits in them at
  /// or before it any more. The next report makes up for a lost one.
  func reportMinResolvedTS(
    _ timestamp: UInt64, storeID: UInt64,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
}

/// Why a call to the placement driver failed.
package enum PDClientError: Error, Sendable, Hashable, CustomStringConvertible {
  /// No response; a later call may succeed.
  case unreachable(String)
  case alreadyBootstrapped
  case notBootstrapped
  case storeTombstone(String)
  /// Another process registered under this process's store id.
  case replaced(String)
  case refused(String)

  package var description: String {
    switch self {
    case .unreachable(let reason): "placement driver is unreachable: \(reason)"
    case .alreadyBootstrapped: "the cluster is already bootstrapped"
    case .notBootstrapped: "the cluster is not bootstrapped"
    case .storeTombstone(let reason): "the store was removed from the cluster: \(reason)"
    case .replaced(let reason): "this process is not the store any more: \(reason)"
    case .refused(let reason): "placement driver refused: \(reason)"
    }
  }
}
