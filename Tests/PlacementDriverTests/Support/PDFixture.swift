import Codec
import Engine
import PlacementDriver
import Runtime
import Testing
import Wire

/// A driver on a memory engine with a clock that only moves when told to.
final class PDFixture {
  static let clusterID: UInt64 = 7_000_000_001

  private(set) var engine: MemoryEngine
  private(set) var driver: PDCore
  let config: PDConfig
  /// Seconds on both clocks since the test began; the wall clock began at one million seconds.
  private(set) var seconds: Double = 0
  /// Added to the wall clock only.
  var wallShift: Int64 = 0

  /// - Parameter allocated: ids given before, for the test to use.
  init(allocated: UInt32 = 100_000, _ change: (inout PDConfig) -> Void = { _ in }) throws {
    var config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    change(&config)
    self.config = config
    engine = try MemoryEngine()
    driver = try PDCore(
      engine: engine, config: config, newClusterID: Self.clusterID, at: Self.reading(0, 0))
    if allocated > 0 { _ = try allocate(allocated) }
  }

  private static func reading(_ seconds: Double, _ shift: Int64) -> ClockReading {
    ClockReading(
      now: Instant(nanoseconds: 1_000_000_000 + UInt64(seconds * 1e9)),
      wallMilliseconds: UInt64(Int64(1_000_000_000 + seconds * 1000) + shift))
  }

  var reading: ClockReading { Self.reading(seconds, wallShift) }

  func pass(_ seconds: Double) { self.seconds += seconds }

  /// The process crashes and starts again; with `lossy` the machine does, and all that was not synced
  /// is lost.
  func restart(lossy: Bool = false, newClusterID: UInt64 = 99) throws {
    engine = lossy ? engine.crash() : engine.reopen()
    driver = try PDCore(
      engine: engine, config: config, newClusterID: newClusterID, at: reading)
  }

  func fail(_ fault: MemoryEngine.Fault) { engine.inject(fault) }

  // MARK: Requests

  var header: Pdpb_RequestHeader {
    .with { $0.clusterID = driver.clusterID }
  }

  func store(_ id: UInt64, address: String? = nil) -> Metapb_Store {
    .with {
      $0.id = id
      $0.address = address ?? "127.0.0.1:\(20160 + id)"
      $0.version = "8.5.0"
    }
  }

  @discardableResult
  func bootstrap(_ region: Region? = nil, store id: UInt64 = 1) throws -> Pdpb_BootstrapResponse {
    let first =
      region ?? Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: id)])
    return try driver.bootstrap(
      .with {
        $0.header = header
        $0.store = store(id)
        $0.region = first.wire
      }, reading)
  }

  @discardableResult
  func put(_ id: UInt64, address: String? = nil) throws -> Pdpb_PutStoreResponse {
    try driver.putStore(
      .with {
        $0.header = header
        $0.store = store(id, address: address)
      }, reading)
  }

  @discardableResult
  func beat(_ id: UInt64, busy: Bool = false) throws -> Pdpb_StoreHeartbeatResponse {
    try driver.storeHeartbeat(
      .with {
        $0.header = header
        $0.stats.storeID = id
        $0.stats.capacity = 1000
        $0.stats.available = 900
        $0.stats.isBusy = busy
      }, reading)
  }

  @discardableResult
  func beat(
    _ region: Region, leader store: UInt64, pending: [UInt64] = [], down: [UInt64] = [],
    term: UInt64 = 0, size: UInt64 = 0
  ) throws -> [HeartbeatResponse] {
    try driver.regionHeartbeat(
      .with {
        $0.header = header
        $0.region = region.wire
        if let leader = region.peer(onStore: store) { $0.leader = leader.wire }
        $0.pendingPeers = pending.compactMap { region.peer(onStore: $0)?.wire }
        $0.downPeers = down.compactMap { id in
          region.peer(onStore: id).map { peer in .with { $0.peer = peer.wire } }
        }
        $0.term = term
        $0.approximateSize = size
      }, reading)
  }

  func region(_ key: String) throws -> Pdpb_GetRegionResponse {
    try driver.getRegion(
      .with {
        $0.header = header
        $0.regionKey = Array(key.utf8).data
      }, reading)
  }

  func previous(_ key: String) throws -> Pdpb_GetRegionResponse {
    try driver.getPrevRegion(
      .with {
        $0.header = header
        $0.regionKey = Array(key.utf8).data
      }, reading)
  }

  func region(id: UInt64) throws -> Pdpb_GetRegionResponse {
    try driver.getRegionByID(
      .with {
        $0.header = header
        $0.regionID = id
      }, reading)
  }

  func info(_ id: UInt64) throws -> StoreInfo {
    try StoreInfo(
      driver.getStore(
        .with {
          $0.header = header
          $0.storeID = id
        }, reading
      ).store)
  }

  func allocate(_ count: UInt32 = 1) throws -> UInt64 {
    try driver.allocID(
      .with {
        $0.header = header
        $0.count = count
      }, reading
    ).id
  }

  func timestamp(_ count: UInt32 = 1) throws -> Timestamp {
    try Timestamp(
      driver.tso(
        .with {
          $0.header = header
          $0.count = count
        }, reading
      ).timestamp)
  }
}

/// Bytes of a text key.
func key(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A region from one text key to another with voters of ids 10 × region + store.
func region(
  _ id: UInt64, _ start: String, _ end: String, version: UInt64 = 1, conf: UInt64 = 1,
  stores: [UInt64] = [1]
) -> Region {
  Region(
    id: id, startKey: key(start), endKey: key(end),
    epoch: RegionEpoch(confVersion: conf, version: version),
    peers: stores.map { PeerInfo(id: id * 10 + $0, storeID: $0) })
}
