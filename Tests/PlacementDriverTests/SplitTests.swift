import Codec
import PlacementDriver
import Testing
import Wire

struct SplitTests {
  private func fixture() throws -> (PDFixture, Region) {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    try fixture.beat(wide, leader: 4)
    return (fixture, wide)
  }

  private func ask(
    _ fixture: PDFixture, _ region: Region?, _ count: UInt32
  ) throws -> Pdpb_AskBatchSplitResponse {
    try fixture.driver.askBatchSplit(
      .with {
        $0.header = fixture.header
        if let region { $0.region = region.wire }
        $0.splitCount = count
      }, fixture.reading)
  }

  private func report(_ fixture: PDFixture, _ regions: [Region]) throws -> Pdpb_ResponseHeader {
    try fixture.driver.reportBatchSplit(
      .with {
        $0.header = fixture.header
        $0.regions = regions.map(\.wire)
      }, fixture.reading
    ).header
  }

  /// The asker says how many peers there are, and each is given an id.
  @Test func idsOfOneRequestAreBounded() throws {
    let (fixture, wide) = try fixture()
    var crowded = wide
    crowded.peers = (1...250).map { PeerInfo(id: 10_000 + $0, storeID: 20_000 + $0) }
    #expect(try ask(fixture, crowded, 4096).header.error.type == .invalidValue)
    #expect(try ask(fixture, crowded, 65).ids.count == 65)
    #expect(try ask(fixture, wide, 4096).ids.count == 4096)
  }

  @Test func idsAreFresh() throws {
    let (fixture, wide) = try fixture()
    var seen: Set<UInt64> = []
    for _ in 0..<3 {
      let response = try ask(fixture, wide, 4)
      #expect(response.ids.count == 4)
      for split in response.ids {
        #expect(split.newPeerIds.count == 3)
        for id in [split.newRegionID] + split.newPeerIds { #expect(seen.insert(id).inserted) }
      }
    }
    let single = try fixture.driver.askSplit(
      .with {
        $0.header = fixture.header
        $0.region = wide.wire
      }, fixture.reading)
    #expect(single.newPeerIds.count == 3 && !seen.contains(single.newRegionID))
  }

  @Test func theAskerMustBeCurrent() throws {
    let (fixture, wide) = try fixture()
    for (conf, version) in [(4, 5), (5, 4)] as [(UInt64, UInt64)] {
      var old = wide
      old.epoch = RegionEpoch(confVersion: conf, version: version)
      #expect(try ask(fixture, old, 1).header.error.type == .unknown)
    }
    var unknown = wide
    unknown.id = 999
    #expect(try ask(fixture, unknown, 1).header.error.type == .regionNotFound)
    #expect(try ask(fixture, nil, 1).header.error.type == .unknown)
    #expect(try ask(fixture, wide, 0).header.error.type == .invalidValue)
    #expect(try ask(fixture, wide, .max).header.error.type == .invalidValue)
    var newer = wide
    newer.epoch.confVersion = 9
    #expect(try !ask(fixture, newer, 1).header.hasError)
  }

  @Test func aReportIsSeenAtOnce() throws {
    let (fixture, _) = try fixture()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try !report(fixture, [left, right]).hasError)
    #expect(try fixture.region("a").region == left.wire)
    #expect(try fixture.region("z").region == right.wire)
    // The parent's leader is about to lead both.
    #expect(try fixture.region("a").leader.storeID == 4)
    #expect(try fixture.region("z").leader.storeID == 4)
    // A late report takes nothing back.
    try fixture.beat(left, leader: 5)
    #expect(try !report(fixture, [left, right]).hasError)
    #expect(try fixture.region("a").leader.storeID == 5)
  }

  @Test func reportsMustMakeSense() throws {
    let (fixture, wide) = try fixture()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try report(fixture, [right, left]).hasError)
    #expect(try report(fixture, [left]).hasError)
    #expect(try report(fixture, []).hasError)
    let single = try fixture.driver.reportSplit(
      .with {
        $0.header = fixture.header
        $0.left = left.wire
      }, fixture.reading)
    #expect(single.header.error.type == .unknown)
    #expect(try fixture.region("a").region == wide.wire)
    let whole = try fixture.driver.reportSplit(
      .with {
        $0.header = fixture.header
        $0.left = left.wire
        $0.right = right.wire
      }, fixture.reading)
    #expect(!whole.header.hasError)
    #expect(try fixture.region("a").region == left.wire)
  }
}
