import Codec
import PlacementDriver
import Testing
import Wire

/// What clients may make the driver keep and send is bounded, and refused in words beyond.
struct LimitTests {
  private func fixture(_ change: (inout PDLimits) -> Void) throws -> PDFixture {
    let fixture = try PDFixture { change(&$0.limits) }
    try fixture.bootstrap()
    return fixture
  }

  private func isOver(_ header: Pdpb_ResponseHeader, _ words: String) -> Bool {
    header.error.type == .invalidValue && header.error.message.contains(words)
  }

  @Test func storesAreCounted() throws {
    let fixture = try fixture { $0.stores = 3 }
    #expect(try !fixture.put(4).header.hasError)
    #expect(try !fixture.put(5).header.hasError)
    #expect(isOver(try fixture.put(6).header, "no more than 3"))
    #expect(throws: PDError.self) { try fixture.info(6) }
    // What is known may change.
    #expect(try !fixture.put(5).header.hasError)
    try fixture.restart()
    #expect(isOver(try fixture.put(6).header, "no more than 3"))
  }

  @Test func aStoresRecordIsBounded() throws {
    let fixture = try fixture { _ in }
    func put(_ change: (inout Metapb_Store) -> Void) throws -> Pdpb_ResponseHeader {
      var store = fixture.store(9)
      change(&store)
      return try fixture.driver.putStore(
        .with {
          $0.header = fixture.header
          $0.store = store
        }, fixture.reading
      ).header
    }
    let label = Metapb_StoreLabel.with { ($0.key, $0.value) = ("zone", "a") }
    #expect(isOver(try put { $0.labels = .init(repeating: label, count: 65) }, "more than 64"))
    let long = String(repeating: "x", count: 5000)
    #expect(isOver(try put { $0.labels = [.with { $0.key = long }] }, "more than 4096"))
    #expect(isOver(try put { $0.deployPath = long }, "more than 4096"))
    #expect(isOver(try put { $0.peerAddress = long }, "more than 4096"))
    #expect(throws: PDError.self) { try fixture.info(9) }
    #expect(try !put { $0.labels = .init(repeating: label, count: 64) }.hasError)
  }

  @Test func aStoresReportIsBounded() throws {
    let fixture = try fixture { _ in }
    func beat(_ threads: Int) throws -> Pdpb_ResponseHeader {
      try fixture.driver.storeHeartbeat(
        .with {
          $0.header = fixture.header
          $0.stats.storeID = 1
          $0.stats.cpuUsages = .init(repeating: .with { $0.key = "thread" }, count: threads)
        }, fixture.reading
      ).header
    }
    #expect(try !beat(100).hasError)
    #expect(isOver(try beat(100_000), "more than 65536"))
  }

  @Test func servicesAreCounted() throws {
    let fixture = try fixture { $0.services = 3 }
    func update(_ id: String, ttl: Int64 = 100) throws -> Pdpb_ResponseHeader {
      try fixture.driver.updateServiceGCSafePoint(
        .with {
          $0.header = fixture.header
          $0.serviceID = key(id).data
          $0.ttl = ttl
          $0.safePoint = 10
        }, fixture.reading
      ).header
    }
    #expect(try !update("a").hasError)
    #expect(try !update("b").hasError)
    #expect(isOver(try update("c"), "no more than 3"), "the collector is the third")
    #expect(try !update("b").hasError)
    #expect(try !update("a", ttl: 0).hasError)
    #expect(try !update("c").hasError)
    fixture.pass(200)
    #expect(try !update("d").hasError, "what has expired makes room")
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
    func scan(_ limit: Int32) throws -> Pdpb_ScanRegionsResponse {
      try fixture.driver.scanRegions(
        .with {
          $0.header = fixture.header
          $0.limit = limit
        }, fixture.reading)
    }
    func batch(_ limit: Int32) throws -> Pdpb_BatchScanRegionsResponse {
      try fixture.driver.batchScanRegions(
        .with {
          $0.header = fixture.header
          $0.limit = limit
          $0.ranges = [Pdpb_KeyRange()]
        }, fixture.reading)
    }
    func query(_ ids: Range<UInt64>) throws -> Pdpb_QueryRegionResponse {
      try fixture.driver.queryRegion(
        .with {
          $0.header = fixture.header
          $0.ids = Array(ids)
        }, fixture.reading)
    }
    #expect(try scan(30).regions.count == 30)
    #expect(try scan(30).serializedData().count <= 20_000)
    for limit in [0, 100, .max] as [Int32] {
      let refusal = try scan(limit)
      #expect(isOver(refusal.header, "ask for fewer regions") && refusal.regions.isEmpty)
    }
    #expect(try batch(60).regions.count == 60)
    #expect(try batch(60).serializedData().count <= 20_000)
    #expect(isOver(try batch(0).header, "ask for fewer regions"))
    #expect(try query(100..<160).regionsByID.count == 60)
    #expect(isOver(try query(0..<300).header, "ask for fewer regions"))
  }

  @Test func queriesAreCounted() throws {
    let fixture = try fixture { $0.queries = 10 }
    func query(_ count: Int) throws -> Pdpb_QueryRegionResponse {
      try fixture.driver.queryRegion(
        .with {
          $0.header = fixture.header
          $0.ids = .init(repeating: 2, count: count)
          $0.keys = [key("k").data]
        }, fixture.reading)
    }
    #expect(try query(9).keyIDMap == [2])
    #expect(isOver(try query(10).header, "more than 10"))
  }

  @Test func aRegionsPartsAreBounded() throws {
    let fixture = try fixture { ($0.peers, $0.keyBytes) = (3, 100) }
    let long = region(50, "", String(repeating: "k", count: 101), version: 5)
    let header = try #require(try fixture.beat(long, leader: 1).first?.response.header)
    #expect(isOver(header, "101 bytes"))
    let peers = (1...4).map { PeerInfo(id: 60 + $0, storeID: $0) }
    let wide = Region(id: 50, endKey: key("k"), epoch: .initial, peers: peers)
    let refused = try #require(try fixture.beat(wide, leader: 1).first?.response.header)
    #expect(isOver(refused, "4 peers"))
    let fine = Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)])
    #expect(try fixture.beat(fine, leader: 1, pending: [1, 1, 1], down: [1, 1]).isEmpty)
    #expect(try fixture.region("k").pendingPeers.count == 1)
    #expect(try fixture.region("k").downPeers.count == 1)
  }
}
