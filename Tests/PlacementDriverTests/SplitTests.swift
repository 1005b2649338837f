import Codec
import PlacementDriver
import Testing
import Wire

struct SplitTests {
  private func bench() throws -> (Bench, Region) {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5] as [UInt64] { try bench.put(id) }
    let wide = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    try bench.beat(wide, leader: 4)
    return (bench, wide)
  }

  private func ask(
    _ bench: Bench, _ region: Region?, _ count: UInt32
  ) throws -> Pdpb_AskBatchSplitResponse {
    try bench.driver.askBatchSplit(
      .with {
        $0.header = bench.header
        if let region { $0.region = region.wire }
        $0.splitCount = count
      }, bench.moment)
  }

  private func report(_ bench: Bench, _ regions: [Region]) throws -> Pdpb_ResponseHeader {
    try bench.driver.reportBatchSplit(
      .with {
        $0.header = bench.header
        $0.regions = regions.map(\.wire)
      }, bench.moment
    ).header
  }

  /// The asker says how many peers there are, and each is given an id.
  @Test func idsOfOneRequestAreBounded() throws {
    let (bench, wide) = try bench()
    var crowded = wide
    crowded.peers = (1...1000).map { Peer(id: 10_000 + $0, storeID: 20_000 + $0) }
    #expect(try ask(bench, crowded, 4096).header.error.type == .invalidValue)
    #expect(try ask(bench, crowded, 65).ids.count == 65)
    #expect(try ask(bench, wide, 4096).ids.count == 4096)
  }

  @Test func idsAreFresh() throws {
    let (bench, wide) = try bench()
    var seen: Set<UInt64> = []
    for _ in 0..<3 {
      let response = try ask(bench, wide, 4)
      #expect(response.ids.count == 4)
      for split in response.ids {
        #expect(split.newPeerIds.count == 3)
        for id in [split.newRegionID] + split.newPeerIds { #expect(seen.insert(id).inserted) }
      }
    }
    let single = try bench.driver.askSplit(
      .with {
        $0.header = bench.header
        $0.region = wide.wire
      }, bench.moment)
    #expect(single.newPeerIds.count == 3 && !seen.contains(single.newRegionID))
  }

  @Test func theAskerMustBeCurrent() throws {
    let (bench, wide) = try bench()
    for (conf, version) in [(4, 5), (5, 4)] as [(UInt64, UInt64)] {
      var old = wide
      old.epoch = RegionEpoch(confVersion: conf, version: version)
      #expect(try ask(bench, old, 1).header.error.type == .unknown)
    }
    var unknown = wide
    unknown.id = 999
    #expect(try ask(bench, unknown, 1).header.error.type == .regionNotFound)
    #expect(try ask(bench, nil, 1).header.error.type == .unknown)
    #expect(try ask(bench, wide, 0).header.error.type == .invalidValue)
    #expect(try ask(bench, wide, .max).header.error.type == .invalidValue)
    var newer = wide
    newer.epoch.confVersion = 9
    #expect(try !ask(bench, newer, 1).header.hasError)
  }

  @Test func aReportIsSeenAtOnce() throws {
    let (bench, _) = try bench()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try !report(bench, [left, right]).hasError)
    #expect(try bench.region("a").region == left.wire)
    #expect(try bench.region("z").region == right.wire)
    // The parent's leader is about to lead both.
    #expect(try bench.region("a").leader.storeID == 4)
    #expect(try bench.region("z").leader.storeID == 4)
    // A late report takes nothing back.
    try bench.beat(left, leader: 5)
    #expect(try !report(bench, [left, right]).hasError)
    #expect(try bench.region("a").leader.storeID == 5)
  }

  @Test func reportsMustMakeSense() throws {
    let (bench, wide) = try bench()
    let left = region(200, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(100, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try report(bench, [right, left]).hasError)
    #expect(try report(bench, [left]).hasError)
    #expect(try report(bench, []).hasError)
    let single = try bench.driver.reportSplit(
      .with {
        $0.header = bench.header
        $0.left = left.wire
      }, bench.moment)
    #expect(single.header.error.type == .unknown)
    #expect(try bench.region("a").region == wide.wire)
    let whole = try bench.driver.reportSplit(
      .with {
        $0.header = bench.header
        $0.left = left.wire
        $0.right = right.wire
      }, bench.moment)
    #expect(!whole.header.hasError)
    #expect(try bench.region("a").region == left.wire)
  }
}
