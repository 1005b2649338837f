import Codec
import PlacementDriver
import Testing
import Wire

/// What clients may make the driver keep and send is bounded, and refused in words beyond.
struct LimitTests {
  private func bench(_ change: (inout PlacementLimits) -> Void) throws -> Bench {
    let bench = try Bench { change(&$0.limits) }
    try bench.bootstrap()
    return bench
  }

  private func isOver(_ header: Pdpb_ResponseHeader, _ words: String) -> Bool {
    header.error.type == .invalidValue && header.error.message.contains(words)
  }

  @Test func storesAreCounted() throws {
    let bench = try bench { $0.stores = 3 }
    #expect(try !bench.put(4).header.hasError)
    #expect(try !bench.put(5).header.hasError)
    #expect(isOver(try bench.put(6).header, "no more than 3"))
    #expect(throws: PlacementError.self) { try bench.info(6) }
    // What is known may change.
    #expect(try !bench.put(5).header.hasError)
    try bench.restart()
    #expect(isOver(try bench.put(6).header, "no more than 3"))
  }

  @Test func aStoresRecordIsBounded() throws {
    let bench = try bench { _ in }
    func put(_ change: (inout Metapb_Store) -> Void) throws -> Pdpb_ResponseHeader {
      var store = bench.store(9)
      change(&store)
      return try bench.driver.putStore(
        .with {
          $0.header = bench.header
          $0.store = store
        }, bench.moment
      ).header
    }
    let label = Metapb_StoreLabel.with { ($0.key, $0.value) = ("zone", "a") }
    #expect(isOver(try put { $0.labels = .init(repeating: label, count: 65) }, "more than 64"))
    let long = String(repeating: "x", count: 5000)
    #expect(isOver(try put { $0.labels = [.with { $0.key = long }] }, "more than 4096"))
    #expect(isOver(try put { $0.deployPath = long }, "more than 4096"))
    #expect(isOver(try put { $0.peerAddress = long }, "more than 4096"))
    #expect(throws: PlacementError.self) { try bench.info(9) }
    #expect(try !put { $0.labels = .init(repeating: label, count: 64) }.hasError)
  }

  @Test func aStoresReportIsBounded() throws {
    let bench = try bench { _ in }
    func beat(_ threads: Int) throws -> Pdpb_ResponseHeader {
      try bench.driver.storeHeartbeat(
        .with {
          $0.header = bench.header
          $0.stats.storeID = 1
          $0.stats.cpuUsages = .init(repeating: .with { $0.key = "thread" }, count: threads)
        }, bench.moment
      ).header
    }
    #expect(try !beat(100).hasError)
    #expect(isOver(try beat(100_000), "more than 65536"))
  }

  @Test func servicesAreCounted() throws {
    let bench = try bench { $0.services = 3 }
    func update(_ id: String, ttl: Int64 = 100) throws -> Pdpb_ResponseHeader {
      try bench.driver.updateServiceGCSafePoint(
        .with {
          $0.header = bench.header
          $0.serviceID = key(id).data
          $0.ttl = ttl
          $0.safePoint = 10
        }, bench.moment
      ).header
    }
    #expect(try !update("a").hasError)
    #expect(try !update("b").hasError)
    #expect(isOver(try update("c"), "no more than 3"), "the collector is the third")
    #expect(try !update("b").hasError)
    #expect(try !update("a", ttl: 0).hasError)
    #expect(try !update("c").hasError)
    bench.pass(200)
    #expect(try !update("d").hasError, "what has expired makes room")
    #expect(isOver(try update(String(repeating: "x", count: 257)), "more than 256"))
  }

  /// Regions 100…: "" to "a000", "a000" to "a001", and so on.
  private func regions(_ count: Int, _ bench: Bench) throws {
    func bound(_ number: Int) -> String { "a" + String(String(1000 + number).dropFirst()) }
    for number in 0..<count {
      let made = region(
        100 + UInt64(number), number == 0 ? "" : bound(number - 1),
        number == count - 1 ? "" : bound(number), version: 11)
      #expect(try bench.beat(made, leader: 1).isEmpty)
    }
  }

  @Test func repliesOfRegionsAreBoundedInBytes() throws {
    let bench = try bench { $0.replyBytes = 20_000 }
    try regions(100, bench)
    func scan(_ limit: Int32) throws -> Pdpb_ScanRegionsResponse {
      try bench.driver.scanRegions(
        .with {
          $0.header = bench.header
          $0.limit = limit
        }, bench.moment)
    }
    func batch(_ limit: Int32) throws -> Pdpb_BatchScanRegionsResponse {
      try bench.driver.batchScanRegions(
        .with {
          $0.header = bench.header
          $0.limit = limit
          $0.ranges = [Pdpb_KeyRange()]
        }, bench.moment)
    }
    func query(_ ids: Range<UInt64>) throws -> Pdpb_QueryRegionResponse {
      try bench.driver.queryRegion(
        .with {
          $0.header = bench.header
          $0.ids = Array(ids)
        }, bench.moment)
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
    let bench = try bench { $0.queries = 10 }
    func query(_ count: Int) throws -> Pdpb_QueryRegionResponse {
      try bench.driver.queryRegion(
        .with {
          $0.header = bench.header
          $0.ids = .init(repeating: 2, count: count)
          $0.keys = [key("k").data]
        }, bench.moment)
    }
    #expect(try query(9).keyIDMap == [2])
    #expect(isOver(try query(10).header, "more than 10"))
  }

  @Test func aRegionsPartsAreBounded() throws {
    let bench = try bench { ($0.peers, $0.keyBytes) = (3, 100) }
    let long = region(50, "", String(repeating: "k", count: 101), version: 5)
    let header = try #require(try bench.beat(long, leader: 1).first?.response.header)
    #expect(isOver(header, "101 bytes"))
    let peers = (1...4).map { Peer(id: 60 + $0, storeID: $0) }
    let wide = Region(id: 50, endKey: key("k"), epoch: .initial, peers: peers)
    let refused = try #require(try bench.beat(wide, leader: 1).first?.response.header)
    #expect(isOver(refused, "4 peers"))
    let fine = Region(id: 2, epoch: .initial, peers: [Peer(id: 3, storeID: 1)])
    #expect(try bench.beat(fine, leader: 1, pending: [1, 1, 1], down: [1, 1]).isEmpty)
    #expect(try bench.region("k").pendingPeers.count == 1)
    #expect(try bench.region("k").downPeers.count == 1)
  }
}
