import Codec
import PlacementDriver
import Testing

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
    _ fixture: PDFixture, _ region: Region, _ count: UInt32
  ) throws -> [SplitIDs] {
    try fixture.core.askBatchSplit(region, count: count, fixture.reading)
  }

  private func refusal(
    _ fixture: PDFixture, _ region: Region, _ count: UInt32
  ) throws -> PDError.Refusal? {
    try fixture.refusal { _ = try ask(fixture, region, count) }?.refusal
  }

  private func report(_ fixture: PDFixture, _ regions: [Region]) throws -> PDError? {
    try fixture.refusal { try fixture.core.reportSplit(regions) }
  }

  /// Ids that a split was given are durable: after a loss of all that was not synced none is given again.
  @Test func idsAreNotRepeatedAfterALoss() throws {
    let (fixture, wide) = try fixture()
    let before = try ask(fixture, wide, 3)
    try fixture.restart(lossy: true)
    try fixture.beat(wide, leader: 4)
    let after = try ask(fixture, wide, 3)
    let ids = (before + after).flatMap { [$0.regionID] + $0.peerIDs }
    #expect(Set(ids).count == 24)
  }

  /// Children come by heartbeat, the last key range first; the parent's operator ends, and a late report of the whole
  /// is refused.
  @Test func childrenThatReportEndTheParentsOperator() throws {
    let (fixture, wide) = try fixture()
    try fixture.core.createOperator(
      OperatorRequest(regionID: 100, .transferLeader(store: 1)), fixture.reading)
    let ids = try ask(fixture, wide, 1)[0]
    var child = wide
    child.id = ids.regionID
    child.startKey = key("m")
    child.epoch.version = 6
    child.peers = zip(ids.peerIDs, wide.peers).map { PeerInfo(id: $0, storeID: $1.storeID) }
    #expect(try fixture.beat(child, leader: 4).refusal == nil)
    // The parent is out of the tree until it reports: a hole, not a wrong region.
    #expect(try fixture.region("a") == nil)
    #expect(try fixture.region("z")?.region.id == child.id)
    fixture.pass(6)
    for id in [1, 4, 5] as [UInt64] { try fixture.beat(id) }
    _ = try fixture.core.tick(fixture.reading)
    #expect(fixture.core.operatorSummaries(fixture.reading).isEmpty)
    #expect(try fixture.core.operatorReport(regionID: 100).status == .cancel)
    #expect(try fixture.beat(wide, leader: 4).refusal != nil)
    var parent = wide
    parent.endKey = key("m")
    parent.epoch.version = 6
    #expect(try fixture.beat(parent, leader: 4).refusal == nil)
    #expect(try fixture.region("a")?.region.id == 100)
  }

  /// The request says how many peers there are, and each is given an id.
  @Test func idsOfOneRequestAreBounded() throws {
    let (fixture, wide) = try fixture()
    var crowded = wide
    crowded.peers = (1...250).map { PeerInfo(id: 10_000 + $0, storeID: 20_000 + $0) }
    #expect(try refusal(fixture, crowded, 4096) == .invalidValue)
    #expect(try ask(fixture, crowded, 65).count == 65)
    #expect(try ask(fixture, wide, 4096).count == 4096)
  }

  @Test func idsAreFresh() throws {
    let (fixture, wide) = try fixture()
    var seen: Set<UInt64> = []
    for _ in 0..<3 {
      let splits = try ask(fixture, wide, 4)
      #expect(splits.count == 4)
      for split in splits {
        #expect(split.peerIDs.count == 3)
        for id in [split.regionID] + split.peerIDs { #expect(seen.insert(id).inserted) }
      }
    }
    let single = try fixture.core.askSplit(wide, fixture.reading)
    #expect(single.peerIDs.count == 3 && !seen.contains(single.regionID))
  }

  @Test func theRegionMustBeCurrent() throws {
    let (fixture, wide) = try fixture()
    for (conf, version) in [(4, 5), (5, 4)] as [(UInt64, UInt64)] {
      var old = wide
      old.epoch = RegionEpoch(confVersion: conf, version: version)
      #expect(try refusal(fixture, old, 1) == .unknown)
    }
    var unknown = wide
    unknown.id = 999
    #expect(try refusal(fixture, unknown, 1) == .regionNotFound)
    #expect(try refusal(fixture, wide, 0) == .invalidValue)
    #expect(try refusal(fixture, wide, .max) == .invalidValue)
    var newer = wide
    newer.epoch.confVersion = 9
    #expect(try ask(fixture, newer, 1).count == 1)
  }

  @Test func aReportIsSeenAtOnce() throws {
    let (fixture, _) = try fixture()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try report(fixture, [left, right]) == nil)
    #expect(try fixture.region("a")?.region == left)
    #expect(try fixture.region("z")?.region == right)
    // The parent's leader is about to lead both.
    #expect(try fixture.region("a")?.leader?.storeID == 4)
    #expect(try fixture.region("z")?.leader?.storeID == 4)
    // A late report takes nothing back.
    try fixture.beat(left, leader: 5)
    #expect(try report(fixture, [left, right]) == nil)
    #expect(try fixture.region("a")?.leader?.storeID == 5)
  }

  @Test func reportsMustMakeSense() throws {
    let (fixture, wide) = try fixture()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try report(fixture, [right, left]) != nil)
    #expect(try report(fixture, [left]) != nil)
    #expect(try report(fixture, []) != nil)
    #expect(try fixture.region("a")?.region == wide)
    #expect(try report(fixture, [left, right]) == nil)
    #expect(try fixture.region("a")?.region == left)
  }
}
