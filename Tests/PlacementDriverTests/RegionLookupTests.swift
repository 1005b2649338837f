import Codec
import PlacementDriver
import Testing
import Wire

struct RegionLookupTests {
  /// Regions 100…109: "" to "b", "b" to "c", … , "j" to "".
  private func tenRegions() throws -> Bench {
    let bench = try Bench()
    try bench.bootstrap()
    let bounds = [""] + "bcdefghij".map(String.init) + [""]
    for index in 0..<10 {
      let made = region(100 + UInt64(index), bounds[index], bounds[index + 1], version: 11)
      let replies = try bench.beat(made, leader: 1)
      #expect(replies.isEmpty)
    }
    return bench
  }

  private func scan(
    _ bench: Bench, _ start: String, _ end: String, _ limit: Int32
  ) throws -> [UInt64] {
    let response = try bench.driver.scanRegions(
      .with {
        $0.header = bench.header
        $0.startKey = key(start).data
        $0.endKey = key(end).data
        $0.limit = limit
      }, bench.moment)
    #expect(response.regionMetas == response.regions.map(\.region))
    #expect(response.leaders.count == response.regions.count)
    #expect(response.leaders.map(\.storeID) == response.regions.map(\.leader.storeID))
    return response.regions.map(\.region.id)
  }

  @Test func everyKeyHasItsRegion() throws {
    let bench = try tenRegions()
    #expect(try bench.region("").region.id == 100)
    #expect(try bench.region("azz").region.id == 100)
    #expect(try bench.region("b").region.id == 101)
    #expect(try bench.region("c").region.id == 102)
    #expect(try bench.region("zzz").region.id == 109)
    #expect(try bench.region("c").leader.storeID == 1)
    #expect(try bench.region("c").region.regionEpoch.version == 11)
  }

  @Test func thePreviousRegionIsTheNeighbour() throws {
    let bench = try tenRegions()
    #expect(try !bench.previous("").hasRegion)
    #expect(try !bench.previous("a").hasRegion)
    #expect(try bench.previous("b").region.id == 100)
    #expect(try bench.previous("bb").region.id == 100)
    #expect(try bench.previous("z").region.id == 108)
  }

  @Test func idsAreExact() throws {
    let bench = try tenRegions()
    #expect(try bench.region(id: 105).region.startKey == key("f").data)
    let unknown = try bench.region(id: 2)
    #expect(!unknown.hasRegion && !unknown.header.hasError && unknown.header.clusterID != 0)
    #expect(try bench.region(id: 0).header.error.type == .unknown)
  }

  @Test func scansAreClipped() throws {
    let bench = try tenRegions()
    #expect(try scan(bench, "", "", 0) == Array(100...109))
    #expect(try scan(bench, "", "", 3) == [100, 101, 102])
    #expect(try scan(bench, "b", "g", 0) == Array(101...105))
    #expect(try scan(bench, "b", "g", -1) == Array(101...105))
    #expect(try scan(bench, "b", "g", 2) == [101, 102])
    #expect(try scan(bench, "bb", "c", 0) == [101])
    #expect(try scan(bench, "zz", "", 1) == [109])
    #expect(try scan(bench, "c", "b", 0).isEmpty)
  }

  @Test func gapsArePassedOver() throws {
    let bench = try Bench()
    try bench.bootstrap()
    // A merge not yet heard of in full: the middle is missing.
    try bench.beat(region(101, "b", "c", version: 5), leader: 1)
    try bench.beat(region(103, "d", "e", version: 5), leader: 1)
    #expect(try !bench.region("a").hasRegion)
    #expect(try !bench.region("cc").hasRegion)
    #expect(try !bench.previous("d").hasRegion)
    #expect(try scan(bench, "", "", 0) == [101, 103])
    #expect(try scan(bench, "cc", "", 0) == [103])
  }

  @Test func manyRangesAtOnce() throws {
    let bench = try tenRegions()
    func scan(
      _ ranges: [(String, String)], limit: Int32 = 0, whole: Bool = false
    ) throws -> Pdpb_BatchScanRegionsResponse {
      try bench.driver.batchScanRegions(
        .with {
          $0.header = bench.header
          $0.ranges = ranges.map { KeyRange(start: key($0.0), end: key($0.1)).schedulerWire }
          $0.limit = limit
          $0.containAllKeyRange = whole
        }, bench.moment)
    }
    func ids(_ response: Pdpb_BatchScanRegionsResponse) -> [UInt64] {
      response.regions.map(\.region.id)
    }
    #expect(try ids(scan([("b", "c"), ("e", "g")])) == [101, 104, 105])
    // A region of two ranges stands once.
    #expect(try ids(scan([("b", "bb"), ("bc", "d")])) == [101, 102])
    #expect(try ids(scan([("b", "c"), ("e", "")], limit: 3)) == [101, 104, 105])
    #expect(try ids(scan([("b", "bb"), ("bc", "d")], limit: 2)) == [101, 102])
    #expect(try ids(scan([("", "")], limit: 4, whole: true)) == [100, 101, 102, 103])
    #expect(try ids(scan([("", "")], whole: true)) == Array(100...109))
    #expect(try scan([("e", "g"), ("b", "c")]).header.error.type == .unknown)
    #expect(try scan([("b", "d"), ("c", "e")]).header.error.type == .unknown)
    #expect(try scan([("d", "c")]).header.error.type == .unknown)
    try bench.beat(region(200, "c", "d", version: 20), leader: 1)
    try bench.beat(region(201, "c", "ca", version: 21), leader: 1)
    #expect(
      try scan([("b", "e")], whole: true).header.error.type == .regionsNotContainAllKeyRange)
    #expect(try scan([("b", "e")], whole: true).regions.isEmpty)
    #expect(try ids(scan([("b", "e")])) == [101, 201, 103])
  }

  @Test func queriesAnswerInParallel() throws {
    let bench = try tenRegions()
    let response = try bench.driver.queryRegion(
      .with {
        $0.header = bench.header
        $0.keys = ["", "bb", "b", "zz"].map { key($0).data }
        $0.prevKeys = ["", "c", "zz"].map { key($0).data }
        $0.ids = [105, 4]
      }, bench.moment)
    #expect(response.keyIDMap == [100, 101, 101, 109])
    #expect(response.prevKeyIDMap == [0, 101, 108])
    #expect(response.regionsByID.keys.sorted() == [100, 101, 105, 108, 109])
    for (id, found) in response.regionsByID {
      #expect(found.region.id == id)
      #expect(found.leader.storeID == 1)
    }
    #expect(!response.header.hasError)
  }

  @Test func withoutALeaderThereIsNone() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5] as [UInt64] { try bench.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try bench.beat(wide, leader: 4)
    #expect(try bench.region("a").leader.storeID == 4)
    try bench.restart()
    let response = try bench.region("a")
    #expect(response.region.peers.count == 3)
    #expect(!response.hasLeader)
    let scanned = try bench.driver.scanRegions(
      .with { $0.header = bench.header }, bench.moment)
    #expect(scanned.leaders == [Metapb_Peer()])
    #expect(!scanned.regions[0].hasLeader)
    try bench.beat(wide, leader: 5)
    #expect(try bench.region("a").leader.storeID == 5)
  }

  @Test func pendingAndDownPeersAreTold() throws {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5] as [UInt64] { try bench.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try bench.beat(wide, leader: 1, pending: [4], down: [5])
    var response = try bench.region("a")
    #expect(response.pendingPeers.map(\.storeID) == [4])
    #expect(response.downPeers.map(\.peer.storeID) == [5])
    try bench.beat(wide, leader: 1)
    response = try bench.region("a")
    #expect(response.pendingPeers.isEmpty && response.downPeers.isEmpty)
  }
}
