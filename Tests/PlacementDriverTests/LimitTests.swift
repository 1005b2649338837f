import Codec
import PlacementDriver
import Testing

/// What clients may make PD keep and send is bounded, and refused with a reason beyond.
struct LimitTests {
  private func fixture(_ change: (inout PDLimits) -> Void) throws -> PDFixture {
    let fixture = try PDFixture { change(&$0.limits) }
    try fixture.bootstrap()
    return fixture
  }

  private func isOver(_ refusal: PDError?, _ words: String) -> Bool {
    guard let refusal else { return false }
    return refusal.refusal == .invalidValue && refusal.message.contains(words)
  }

  @Test func storesAreCounted() throws {
    let fixture = try fixture { $0.stores = 3 }
    #expect(try fixture.put(4) == nil)
    #expect(try fixture.put(5) == nil)
    #expect(isOver(try fixture.put(6), "no more than 3"))
    #expect(throws: PDError.self) { try fixture.info(6) }
    // What is known may change.
    #expect(try fixture.put(5) == nil)
    try fixture.restart()
    #expect(isOver(try fixture.put(6), "no more than 3"))
  }

  @Test func aStoresRecordIsBounded() throws {
    let fixture = try fixture { _ in }
    func put(_ change: (inout StoreInfo) -> Void) throws -> PDError? {
      var store = fixture.store(9)
      change(&store)
      return try fixture.put(store)
    }
    let label = StoreInfo.Label(key: "zone", value: "a")
    #expect(isOver(try put { $0.labels = .init(repeating: label, count: 65) }, "more than 64"))
    let long = String(repeating: "x", count: 5000)
    #expect(isOver(try put { $0.labels = [.init(key: long, value: "")] }, "more than 4096"))
    #expect(isOver(try put { $0.deployPath = long }, "more than 4096"))
    #expect(isOver(try put { $0.peerAddress = long }, "more than 4096"))
    #expect(throws: PDError.self) { try fixture.info(9) }
    #expect(try put { $0.labels = .init(repeating: label, count: 64) } == nil)
  }

  @Test func aStoresReportIsBounded() throws {
    let fixture = try fixture { _ in }
    func beat(_ bytes: Int) throws -> PDError? {
      try fixture.beat(
        StoreHeartbeat(
          storeID: 1, capacity: 0, available: 0, received: .init(repeating: 0, count: bytes)))
    }
    #expect(try beat(65_536) == nil)
    #expect(isOver(try beat(65_537), "more than 65536"))
    #expect(try fixture.core.store(id: 1).heartbeat?.received.count == 65_536)
  }

  @Test func servicesAreCounted() throws {
    let fixture = try fixture { $0.services = 3 }
    func update(_ id: String, ttl: Int64 = 100) throws -> PDError? {
      try fixture.refusal {
        _ = try fixture.core.updateServiceSafePoint(
          key(id), ttl: ttl, safePoint: 10, fixture.reading)
      }
    }
    #expect(try update("a") == nil)
    #expect(try update("b") == nil)
    #expect(isOver(try update("c"), "no more than 3"), "the collector is the third")
    #expect(try update("b") == nil)
    #expect(try update("a", ttl: 0) == nil)
    #expect(try update("c") == nil)
    fixture.pass(200)
    #expect(try update("d") == nil, "an expired one does not count")
    #expect(isOver(try update(String(repeating: "x", count: 257)), "more than 256"))
  }

  /// Regions 100…: "" to "a000", "a000" to "a001", and so on.
  private func regions(_ count: Int, _ fixture: PDFixture) throws {
    func bound(_ number: Int) -> String { "a" + String(String(1000 + number).dropFirst()) }
    for number in 0..<count {
      let made = region(
        100 + UInt64(number), number == 0 ? "" : bound(number - 1),
        number == count - 1 ? "" : bound(number), version: 11)
      #expect(try fixture.beat(made, leader: 1).isEmpty)
    }
  }

  @Test func repliesOfRegionsAreBoundedInBytes() throws {
    let fixture = try fixture { $0.replyBytes = 20_000 }
    try regions(200, fixture)
    func scan(_ limit: Int32) throws -> [RegionSummary] {
      try fixture.core.scanRegions(in: .all, limit: limit, copies: 2)
    }
    func batch(_ limit: Int32) throws -> [RegionSummary] {
      try fixture.core.scanRegions(in: [.all], limit: limit, mustCover: false)
    }
    func query(_ ids: Range<UInt64>) throws -> RegionQueryResult {
      try fixture.core.queryRegions(keys: [], previousKeys: [], ids: Array(ids))
    }
    func isOver(_ body: () throws -> Void) throws -> Bool {
      self.isOver(try fixture.refusal(body), "ask for fewer regions")
    }
    #expect(try scan(30).count == 30)
    for limit in [0, 100, .max] as [Int32] {
      #expect(try isOver { _ = try scan(limit) })
    }
    #expect(try batch(60).count == 60)
    #expect(try isOver { _ = try batch(0) })
    #expect(try query(100..<160).regions.count == 60)
    #expect(try isOver { _ = try query(0..<300) })
  }

  @Test func queriesAreCounted() throws {
    let fixture = try fixture { $0.queries = 10 }
    func query(_ count: Int) throws -> RegionQueryResult {
      try fixture.core.queryRegions(
        keys: [key("k")], previousKeys: [], ids: .init(repeating: 2, count: count))
    }
    #expect(try query(9).keyIDs == [2])
    #expect(isOver(try fixture.refusal { _ = try query(10) }, "more than 10"))
  }

  @Test func aRegionsPartsAreBounded() throws {
    let fixture = try fixture { ($0.peers, $0.keyBytes) = (3, 100) }
    let long = region(50, "", String(repeating: "k", count: 101), version: 5)
    #expect(isOver(try fixture.beat(long, leader: 1).refusal, "101 bytes"))
    let peers = (1...4).map { PeerInfo(id: 60 + $0, storeID: $0) }
    let wide = Region(id: 50, endKey: key("k"), epoch: .initial, peers: peers)
    #expect(isOver(try fixture.beat(wide, leader: 1).refusal, "4 peers"))
    let fine = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
    #expect(try fixture.beat(fine, leader: 1, pending: [1, 1, 1], down: [1, 1]).isEmpty)
    #expect(try fixture.region("k")?.pendingPeers.count == 1)
    #expect(try fixture.region("k")?.downPeers.count == 1)
  }
}
