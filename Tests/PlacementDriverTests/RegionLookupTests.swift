import Codec
import PlacementDriver
import Testing
import Wire

struct RegionLookupTests {
  /// Regions 100…109: "" to "b", "b" to "c", … , "j" to "".
  private func tenRegions() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let bounds = [""] + "bcdefghij".map(String.init) + [""]
    for index in 0..<10 {
      let made = region(100 + UInt64(index), bounds[index], bounds[index + 1], version: 11)
      let replies = try fixture.beat(made, leader: 1)
      #expect(replies.isEmpty)
    }
    return fixture
  }

  private func scan(
    _ fixture: PDFixture, _ start: String, _ end: String, _ limit: Int32
  ) throws -> [UInt64] {
    let response = try fixture.driver.scanRegions(
      .with {
        $0.header = fixture.header
        $0.startKey = key(start).data
        $0.endKey = key(end).data
        $0.limit = limit
      }, fixture.reading)
    #expect(response.regionMetas == response.regions.map(\.region))
    #expect(response.leaders.count == response.regions.count)
    #expect(response.leaders.map(\.storeID) == response.regions.map(\.leader.storeID))
    return response.regions.map(\.region.id)
  }

  @Test func everyKeyHasItsRegion() throws {
    let fixture = try tenRegions()
    #expect(try fixture.region("").region.id == 100)
    #expect(try fixture.region("azz").region.id == 100)
    #expect(try fixture.region("b").region.id == 101)
    #expect(try fixture.region("c").region.id == 102)
    #expect(try fixture.region("zzz").region.id == 109)
    #expect(try fixture.region("c").leader.storeID == 1)
    #expect(try fixture.region("c").region.regionEpoch.version == 11)
  }

  @Test func thePreviousRegionIsTheNeighbour() throws {
    let fixture = try tenRegions()
    #expect(try !fixture.previous("").hasRegion)
    #expect(try !fixture.previous("a").hasRegion)
    #expect(try fixture.previous("b").region.id == 100)
    #expect(try fixture.previous("bb").region.id == 100)
    #expect(try fixture.previous("z").region.id == 108)
  }

  @Test func idsAreExact() throws {
    let fixture = try tenRegions()
    #expect(try fixture.region(id: 105).region.startKey == key("f").data)
    let unknown = try fixture.region(id: 2)
    #expect(!unknown.hasRegion && !unknown.header.hasError && unknown.header.clusterID != 0)
    #expect(try fixture.region(id: 0).header.error.type == .unknown)
  }

  @Test func scansAreClipped() throws {
    let fixture = try tenRegions()
    #expect(try scan(fixture, "", "", 0) == Array(100...109))
    #expect(try scan(fixture, "", "", 3) == [100, 101, 102])
    #expect(try scan(fixture, "b", "g", 0) == Array(101...105))
    #expect(try scan(fixture, "b", "g", -1) == Array(101...105))
    #expect(try scan(fixture, "b", "g", 2) == [101, 102])
    #expect(try scan(fixture, "bb", "c", 0) == [101])
    #expect(try scan(fixture, "zz", "", 1) == [109])
    #expect(try scan(fixture, "c", "b", 0).isEmpty)
  }

  @Test func gapsArePassedOver() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    // A merge not yet heard of in full: the middle is missing.
    try fixture.beat(region(101, "b", "c", version: 5), leader: 1)
    try fixture.beat(region(103, "d", "e", version: 5), leader: 1)
    #expect(try !fixture.region("a").hasRegion)
    #expect(try !fixture.region("cc").hasRegion)
    #expect(try !fixture.previous("d").hasRegion)
    #expect(try scan(fixture, "", "", 0) == [101, 103])
    #expect(try scan(fixture, "cc", "", 0) == [103])
  }

  @Test func manyRangesAtOnce() throws {
    let fixture = try tenRegions()
    func scan(
      _ ranges: [(String, String)], limit: Int32 = 0, whole: Bool = false
    ) throws -> Pdpb_BatchScanRegionsResponse {
      try fixture.driver.batchScanRegions(
        .with {
          $0.header = fixture.header
          $0.ranges = ranges.map { KeyRange(start: key($0.0), end: key($0.1)).pdWire }
          $0.limit = limit
          $0.containAllKeyRange = whole
        }, fixture.reading)
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
    try fixture.beat(region(200, "c", "d", version: 20), leader: 1)
    try fixture.beat(region(201, "c", "ca", version: 21), leader: 1)
    #expect(
      try scan([("b", "e")], whole: true).header.error.type == .regionsNotContainAllKeyRange)
    #expect(try scan([("b", "e")], whole: true).regions.isEmpty)
    #expect(try ids(scan([("b", "e")])) == [101, 201, 103])
  }

  @Test func queriesAnswerInParallel() throws {
    let fixture = try tenRegions()
    let response = try fixture.driver.queryRegion(
      .with {
        $0.header = fixture.header
        $0.keys = ["", "bb", "b", "zz"].map { key($0).data }
        $0.prevKeys = ["", "c", "zz"].map { key($0).data }
        $0.ids = [105, 4]
      }, fixture.reading)
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
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try fixture.beat(wide, leader: 4)
    #expect(try fixture.region("a").leader.storeID == 4)
    try fixture.restart()
    let response = try fixture.region("a")
    #expect(response.region.peers.count == 3)
    #expect(!response.hasLeader)
    let scanned = try fixture.driver.scanRegions(
      .with { $0.header = fixture.header }, fixture.reading)
    #expect(scanned.leaders == [Metapb_Peer()])
    #expect(!scanned.regions[0].hasLeader)
    try fixture.beat(wide, leader: 5)
    #expect(try fixture.region("a").leader.storeID == 5)
  }

  @Test func pendingAndDownPeersAreTold() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try fixture.beat(wide, leader: 1, pending: [4], down: [5])
    var response = try fixture.region("a")
    #expect(response.pendingPeers.map(\.storeID) == [4])
    #expect(response.downPeers.map(\.peer.storeID) == [5])
    try fixture.beat(wide, leader: 1)
    response = try fixture.region("a")
    #expect(response.pendingPeers.isEmpty && response.downPeers.isEmpty)
  }
}
