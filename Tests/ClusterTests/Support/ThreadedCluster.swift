import Codec
import Engine
import PlacementDriver
import Raftstore
import Runtime
import TestSupport

/// A cluster in one process on real threads and RocksDB: stores `1...count`, each with a replica of the first region, a
/// placement driver, and a network that can fail. Its settings are those of TinyKV's tests.
final class ThreadedCluster: Sendable {
  let network: FaultyNetwork
  let pd: InProcessPD
  let stores: [ThreadedStore]
  /// The first region's id.
  let regionID: UInt64
  private let host: ThreadHost
  private let fatal: FatalReasons
  private let directory: TemporaryDirectory

  init(
    _ count: Int = 5, seed: UInt64 = 1, _ configure: (inout RaftstoreConfig) -> Void = { _ in }
  ) throws {
    var config = Self.config
    configure(&config)
    host = ThreadHost()
    fatal = FatalReasons()
    directory = try TemporaryDirectory("cluster")
    network = FaultyNetwork(seed: seed)
    pd = try InProcessPD(host: host, path: directory.child("pd"), fatal: fatal)
    let surroundings = ThreadedStore.Surroundings(
      host: host, network: network, pd: pd, config: config, fatal: fatal, seed: seed)
    stores = (1...UInt64(count)).map { [directory] id in
      ThreadedStore(id: id, directory: directory.child("store-\(id)"), surroundings)
    }
    let region = try Self.bootstrap(pd, stores: UInt64(count))
    regionID = region.id
    try concurrently(count) { [stores] in try stores[$0].start(founding: region) }
    // The placement driver was told of one peer.
    try Wait.until("the first region has a leader, which has reported it") { [pd] in
      try pd.region(containing: [])?.region.peers.count == count
    }
  }

  private static var config: RaftstoreConfig {
    var config = RaftstoreConfig()
    // An election takes 200 ms to 400 ms.
    config.baseTickInterval = .milliseconds(25)
    config.maxLeaderLease = .milliseconds(150)
    config.regionHeartbeatInterval = .milliseconds(50)
    config.storeHeartbeatInterval = .milliseconds(500)
    config.split.checkInterval = .milliseconds(100)
    config.logCompaction.interval = .milliseconds(50)
    config.logCompaction.count = 128_000
    config.logCompaction.threshold = 10
    config.stalePeers.checkInterval = .milliseconds(500)
    config.stalePeers.abnormalLeaderMissing = .seconds(1)
    config.stalePeers.maxLeaderMissing = .seconds(2)
    config.stalePeers.membershipCheckInterval = .milliseconds(500)
    config.disk.reservedSpace = 0
    return config
  }

  /// Registers the stores, and the first region with one peer: heartbeats bring the others. Returns the region as it is.
  private static func bootstrap(_ pd: InProcessPD, stores count: UInt64) throws -> Region {
    try pd.call { (core, reading) throws(PDError) in
      // Ids 1...count, the region's, and those of the peers.
      let last = try core.allocateIDs(2 * count + 1)
      precondition(last == 2 * count + 1, "ids begin with 1")
      let peers = (1...count).map { PeerInfo(id: count + 1 + $0, storeID: $0) }
      var region = Region(id: count + 1, epoch: .initial, peers: [peers[0]])
      for id in 1...count {
        let info = StoreInfo(id: id, address: "store-\(id)", version: "8.5.0")
        if id == 1 { try core.bootstrap(store: info, region: region, reading) }
        try core.putStore(info, reading)
      }
      region.peers = peers
      region.epoch.confVersion = count
      return region
    }
  }

  /// Stops everything and fails if a store or the placement driver has had to end itself.
  func shutDown() throws {
    try concurrently(stores.count) { [stores] in try stores[$0].stop() }
    try pd.stop()
    host.shutdown()
    if let reason = fatal.all.first { throw CheckFailure("a process would have ended: \(reason)") }
    if let text = network.damaged.first { throw CheckFailure("not encoded faithfully: \(text)") }
  }

  /// Runs `body` with a cluster and shuts it down.
  static func run(
    _ count: Int = 5, seed: UInt64 = 1, _ configure: (inout RaftstoreConfig) -> Void = { _ in },
    _ body: (ThreadedCluster) throws -> Void
  ) throws {
    let cluster = try ThreadedCluster(count, seed: seed, configure)
    let result = Result { try body(cluster) }
    let end = Result { try cluster.shutDown() }
    try result.get()
    try end.get()
  }

  func store(_ id: UInt64) -> ThreadedStore { stores[Int(id) - 1] }

  /// All stores stop and start again, at the same time.
  func restart() throws {
    try concurrently(stores.count) { [stores] in try stores[$0].stop() }
    try concurrently(stores.count) { [stores] in try stores[$0].start() }
  }

  // MARK: The placement driver's view

  func region(of key: String) throws -> Region? {
    try pd.region(containing: Array(key.utf8))?.region
  }

  /// The store that leads the region of a key, once one is known.
  func leader(of key: String = "") throws -> UInt64 {
    var leader: UInt64?
    try Wait.until("a leader of \(key)") {
      leader = try pd.region(containing: Array(key.utf8))?.leader?.storeID
      return leader != nil
    }
    return leader ?? 0
  }

  /// Requests the transfer until the store leads the first region.
  func transferLeader(to store: UInt64) throws {
    try change("store \(store) leads", .transferLeader(store: store)) {
      $0.leader?.storeID == store
    }
  }

  /// Requests a voter on the store until there is one.
  func addPeer(on store: UInt64) throws {
    try change("a voter on store \(store)", .addPeer(store: store)) {
      $0.region.peer(onStore: store)?.role == .voter
    }
  }

  /// Requests the removal of the peer on the store until it is gone.
  func removePeer(on store: UInt64) throws {
    try change("no peer on store \(store)", .removePeer(store: store)) {
      $0.region.peer(onStore: store) == nil
    }
  }

  private func change(
    _ what: String, _ change: OperatorRequest.Change, until done: (RegionSummary) -> Bool
  ) throws {
    try Wait.until(what) {
      guard let summary = try pd.region(containing: []) else { return false }
      if done(summary) { return true }
      _ = try pd.request(change, regionID: summary.region.id)
      return false
    }
  }

  // MARK: The stores' disks

  /// Waits until the disk of a store has this value under a key; nil: none.
  func awaitValue(
    _ key: String, _ value: String?, on store: UInt64, _ family: ColumnFamily = .default
  ) throws {
    var found: String?
    try Wait.until("\(key) is \(value ?? "absent") on store \(store), it is \(found ?? "absent")") {
      found = try self.store(store).value(key, family)
      return found == value
    }
  }

  /// Fails if the disk of a store has a value under a key.
  func requireAbsent(_ key: String, on store: UInt64, _ family: ColumnFamily = .default) throws {
    if let value = try self.store(store).value(key, family) {
      throw CheckFailure("store \(store) has \(key): \(value)")
    }
  }
}
