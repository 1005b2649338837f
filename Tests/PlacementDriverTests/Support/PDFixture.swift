import Codec
import Engine
import PlacementDriver
import Runtime
import Testing

/// PD's core on a memory engine, with a clock that moves only by `pass`.
final class PDFixture {
  static let clusterID: UInt64 = 7_000_000_001

  private(set) var engine: MemoryEngine
  private(set) var core: PDCore
  let config: PDConfig
  /// Seconds on both clocks since the test began; the wall clock began at one million seconds.
  private(set) var seconds: Double = 0
  /// Added to the wall clock only.
  var wallShift: Int64 = 0

  /// - Parameter allocated: ids given before, for the test to use.
  init(allocated: UInt64 = 100_000, _ change: (inout PDConfig) -> Void = { _ in }) throws {
    var config = PDConfig(advertiseClientURLs: ["http://127.0.0.1:2379"])
    change(&config)
    self.config = config
    engine = try MemoryEngine()
    core = try PDCore(
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
    core = try PDCore(
      engine: engine, config: config, newClusterID: newClusterID, at: reading)
  }

  func fail(_ fault: MemoryEngine.Fault) { engine.inject(fault) }

  // MARK: Calls

  /// The refusal of a call; nil if the call was carried out. Other errors are thrown.
  func refusal(_ body: () throws -> Void) throws -> PDError? {
    do {
      try body()
      return nil
    } catch let error as PDError where error.refusal != nil {
      return error
    }
  }

  func store(_ id: UInt64, address: String? = nil) -> StoreInfo {
    StoreInfo(id: id, address: address ?? "127.0.0.1:\(20160 + id)", version: "8.5.0")
  }

  @discardableResult
  func bootstrap(_ region: Region? = nil, store id: UInt64 = 1) throws -> PDError? {
    let first =
      region ?? Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: id)])
    return try refusal { try core.bootstrap(store: store(id), region: first, reading) }
  }

  @discardableResult
  func put(_ store: StoreInfo) throws -> PDError? {
    try refusal { try core.putStore(store, reading) }
  }

  @discardableResult
  func put(_ id: UInt64, address: String? = nil) throws -> PDError? {
    try put(store(id, address: address))
  }

  @discardableResult
  func beat(_ heartbeat: StoreHeartbeat) throws -> PDError? {
    try refusal { try core.storeHeartbeat(heartbeat, reading) }
  }

  @discardableResult
  func beat(_ id: UInt64, busy: Bool = false) throws -> PDError? {
    try beat(StoreHeartbeat(storeID: id, capacity: 1000, available: 900, isBusy: busy))
  }

  /// What PD made of a region's heartbeat.
  struct Response {
    var step: RegionOperator?
    var refusal: PDError?

    /// Whether the report was accepted and there is nothing to do.
    var isEmpty: Bool { step == nil && refusal == nil }
  }

  @discardableResult
  func beat(_ heartbeat: RegionHeartbeat) throws -> Response {
    var response = Response()
    response.refusal = try refusal {
      response.step = try core.regionHeartbeat(heartbeat, reading)
    }
    return response
  }

  @discardableResult
  func beat(
    _ region: Region, leader store: UInt64, pending: [UInt64] = [], down: [UInt64] = [],
    term: UInt64 = 0, size: UInt64 = 0
  ) throws -> Response {
    try beat(
      RegionHeartbeat(
        region: region, leader: region.peer(onStore: store) ?? PeerInfo(id: 0), term: term,
        pendingPeers: pending.compactMap { region.peer(onStore: $0) },
        downPeers: down.compactMap { id in
          region.peer(onStore: id).map { DownPeer(peer: $0, seconds: 0) }
        },
        approximateSize: size))
  }

  func region(_ text: String) throws -> RegionSummary? { try core.region(containing: key(text)) }

  func previous(_ text: String) throws -> RegionSummary? {
    try core.region(beforeThatOf: key(text))
  }

  func region(id: UInt64) throws -> RegionSummary? { try core.region(id: id) }

  func info(_ id: UInt64) throws -> StoreInfo { try core.store(id: id).info }

  func allocate(_ count: UInt64 = 1) throws -> UInt64 { try core.allocateIDs(count) }

  func timestamp(_ count: UInt64 = 1) throws -> Timestamp {
    try core.timestamps.take(count, reading)
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
