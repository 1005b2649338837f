package import Codec

/// The placement driver as a node sees it. Calls never block; completions run on any thread and are
/// called once. Failures are the caller's to retry.
package protocol PDClient: AnyObject, Sendable {
  func clusterID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void)
  func allocateID(_ completion: @escaping @Sendable (Result<UInt64, PDClientError>) -> Void)
  func isBootstrapped(_ completion: @escaping @Sendable (Result<Bool, PDClientError>) -> Void)
  /// Returns `alreadyBootstrapped` when another store was first.
  func bootstrap(
    store: StoreInfo, region: Region,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  func putStore(
    _ store: StoreInfo, _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  func store(
    id: UInt64, _ completion: @escaping @Sendable (Result<StoreInfo, PDClientError>) -> Void)
  func region(
    containing key: [UInt8],
    _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void)
  func region(
    id: UInt64, _ completion: @escaping @Sendable (Result<Region?, PDClientError>) -> Void)
  func storeHeartbeat(
    _ statistics: StoreHeartbeat,
    _ completion: @escaping @Sendable (Result<Void, PDClientError>) -> Void)
  /// Sends a leader's report; an older unsent one of the same region is replaced.
  func regionHeartbeat(_ heartbeat: RegionHeartbeat)
  /// Where operators that response heartbeats go; set before the first heartbeat.
  func onOperator(_ receive: @escaping @Sendable (RegionOperator) -> Void)
}

/// Why the placement driver did not do what it was asked.
package enum PDClientError: Error, Sendable, Hashable, CustomStringConvertible {
  case unreachable(String)
  case alreadyBootstrapped
  case notBootstrapped
  case storeTombstone(String)
  /// Another process has taken this one's place under its store id.
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

/// What a leader reports of its region.
package struct RegionHeartbeat: Sendable {
  package var region: Region
  package var leader: PeerInfo
  package var term: UInt64
  /// Peers whose log is cut off from ours: they wait for a snapshot.
  package var pendingPeers: [PeerInfo]
  /// Peers not heard from, with the seconds since.
  package var downPeers: [(peer: PeerInfo, seconds: UInt64)]
  package var approximateSize: UInt64
  package var approximateKeys: UInt64
  package var bytesWritten: UInt64
  package var keysWritten: UInt64

  package init(
    region: Region, leader: PeerInfo, term: UInt64, pendingPeers: [PeerInfo],
    downPeers: [(peer: PeerInfo, seconds: UInt64)], approximateSize: UInt64,
    approximateKeys: UInt64, bytesWritten: UInt64, keysWritten: UInt64
  ) {
    self.region = region
    self.leader = leader
    self.term = term
    self.pendingPeers = pendingPeers
    self.downPeers = downPeers
    self.approximateSize = approximateSize
    self.approximateKeys = approximateKeys
    self.bytesWritten = bytesWritten
    self.keysWritten = keysWritten
  }
}

/// A store's statistics; sizes in bytes.
package struct StoreHeartbeat: Sendable {
  package var storeID: UInt64
  package var capacity: UInt64
  package var available: UInt64
  package var usedSize: UInt64
  package var regionCount: UInt64
  package var sendingSnapshots: UInt64
  package var receivingSnapshots: UInt64
  package var applyingSnapshots: UInt64
  /// Seconds since 1970.
  package var startTime: UInt64
  package var isBusy: Bool

  package init(
    storeID: UInt64, capacity: UInt64, available: UInt64, usedSize: UInt64, regionCount: UInt64,
    sendingSnapshots: UInt64, receivingSnapshots: UInt64, applyingSnapshots: UInt64,
    startTime: UInt64, isBusy: Bool
  ) {
    self.storeID = storeID
    self.capacity = capacity
    self.available = available
    self.usedSize = usedSize
    self.regionCount = regionCount
    self.sendingSnapshots = sendingSnapshots
    self.receivingSnapshots = receivingSnapshots
    self.applyingSnapshots = applyingSnapshots
    self.startTime = startTime
    self.isBusy = isBusy
  }
}
