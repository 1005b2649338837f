import Codec
import PlacementDriver
import Testing

struct RegionLookupTests {
  /// Regions 100…109: "" to "b", "b" to "c", … , "j" to "".
  private func tenRegions() throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    let bounds = [""] + "bcdefghij".map(String.init) + [""]
    for index in 0..<10 {
      let made = region(100 + UInt64(index), bounds[index], bounds[index + 1], version: 11)
      #expect(try fixture.beat(made, leader: 1).isEmpty)
    }
    return fixture
  }

  private func scan(
    _ fixture: PDFixture, _ start: String, _ end: String, _ limit: Int32
  ) throws -> [UInt64] {
    try fixture.core.scanRegions(
      in: KeyRange(start: key(start), end: key(end)), limit: limit
    ).map(\.region.id)
  }

  @Test func everyKeyHasItsRegion() throws {
    let fixture = try tenRegions()
    #expect(try fixture.region("")?.region.id == 100)
    #expect(try fixture.region("azz")?.region.id == 100)
    #expect(try fixture.region("b")?.region.id == 101)
    #expect(try fixture.region("c")?.region.id == 102)
    #expect(try fixture.region("zzz")?.region.id == 109)
    #expect(try fixture.region("c")?.leader?.storeID == 1)
    #expect(try fixture.region("c")?.region.epoch.version == 11)
  }

  @Test func thePreviousRegionIsTheNeighbour() throws {
    let fixture = try tenRegions()
    #expect(try fixture.previous("") == nil)
    #expect(try fixture.previous("a") == nil)
    #expect(try fixture.previous("b")?.region.id == 100)
    #expect(try fixture.previous("bb")?.region.id == 100)
    #expect(try fixture.previous("z")?.region.id == 108)
  }

  @Test func idsAreExact() throws {
    let fixture = try tenRegions()
    #expect(try fixture.region(id: 105)?.region.startKey == key("f"))
    #expect(try fixture.region(id: 2) == nil)
    let error = #expect(throws: PDError.self) { try fixture.region(id: 0) }
    #expect(error?.refusal == .unknown)
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
    #expect(try fixture.region("a") == nil)
    #expect(try fixture.region("cc") == nil)
    #expect(try fixture.previous("d") == nil)
    #expect(try scan(fixture, "", "", 0) == [101, 103])
    #expect(try scan(fixture, "cc", "", 0) == [103])
  }

  @Test func manyRangesAtOnce() throws {
    let fixture = try tenRegions()
    func scan(
      _ ranges: [(String, String)], limit: Int32 = 0, whole: Bool = false
    ) throws -> [UInt64] {
      try fixture.core.scanRegions(
        in: ranges.map { KeyRange(start: key($0.0), end: key($0.1)) }, limit: limit,
        mustCover: whole
      ).map(\.region.id)
    }
    func refusal(
      _ ranges: [(String, String)], whole: Bool = false
    ) throws -> PDError.Refusal? {
      try fixture.refusal { _ = try scan(ranges, whole: whole) }?.refusal
    }
    #expect(try scan([("b", "c"), ("e", "g")]) == [101, 104, 105])
    // A region of two ranges stands once.
    #expect(try scan([("b", "bb"), ("bc", "d")]) == [101, 102])
    #expect(try scan([("b", "c"), ("e", "")], limit: 3) == [101, 104, 105])
    #expect(try scan([("b", "bb"), ("bc", "d")], limit: 2) == [101, 102])
    #expect(try scan([("", "")], limit: 4, whole: true) == [100, 101, 102, 103])
    #expect(try scan([("", "")], whole: true) == Array(100...109))
    #expect(try refusal([("e", "g"), ("b", "c")]) == .unknown)
    #expect(try refusal([("b", "d"), ("c", "e")]) == .unknown)
    #expect(try refusal([("d", "c")]) == .unknown)
    try fixture.beat(region(200, "c", "d", version: 20), leader: 1)
    try fixture.beat(region(201, "c", "ca", version: 21), leader: 1)
    #expect(try refusal([("b", "e")], whole: true) == .regionsNotContainAllKeyRange)
    #expect(try scan([("b", "e")]) == [101, 201, 103])
  }

  @Test func queriesRunInParallel() throws {
    let fixture = try tenRegions()
    let result = try fixture.core.queryRegions(
      keys: ["", "bb", "b", "zz"].map { key($0) }, previousKeys: ["", "c", "zz"].map { key($0) },
      ids: [105, 4])
    #expect(result.keyIDs == [100, 101, 101, 109])
    #expect(result.previousKeyIDs == [0, 101, 108])
    #expect(result.regions.keys.sorted() == [100, 101, 105, 108, 109])
    for (id, found) in result.regions {
      #expect(found.region.id == id)
      #expect(found.leader?.storeID == 1)
    }
  }

  @Test func withoutALeaderThereIsNone() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try fixture.beat(wide, leader: 4)
    #expect(try fixture.region("a")?.leader?.storeID == 4)
    try fixture.restart()
    let found = try #require(try fixture.region("a"))
    #expect(found.region.peers.count == 3)
    #expect(found.leader == nil)
    #expect(try fixture.core.scanRegions(in: .all).map(\.leader) == [nil])
    try fixture.beat(wide, leader: 5)
    #expect(try fixture.region("a")?.leader?.storeID == 5)
  }

  @Test func pendingAndDownPeersAreReturned() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 2, stores: [1, 4, 5])
    try fixture.beat(wide, leader: 1, pending: [4], down: [5])
    var found = try #require(try fixture.region("a"))
    #expect(found.pendingPeers.map(\.storeID) == [4])
    #expect(found.downPeers.map(\.peer.storeID) == [5])
    try fixture.beat(wide, leader: 1)
    found = try #require(try fixture.region("a"))
    #expect(found.pendingPeers.isEmpty && found.downPeers.isEmpty)
  }
}
