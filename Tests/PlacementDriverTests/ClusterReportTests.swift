import Codec
import PlacementDriver
import Testing

/// What PD knows of stores and regions by their reports.
struct ClusterReportTests {
  private func loads(_ fixture: PDFixture) -> [[Int]] {
    fixture.core.storeSummaries(fixture.reading).map { [$0.leaderCount, $0.peerCount] }
  }

  @Test func removedPeersComeBack() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let whole = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(whole, leader: 1).isEmpty)
    #expect(loads(fixture) == [[1, 1], [0, 1], [0, 1]])
    var alone = whole
    alone.peers.removeLast(2)
    alone.epoch.confVersion = 7
    try fixture.beat(alone, leader: 1)
    #expect(try fixture.region("")?.region == alone)
    #expect(loads(fixture) == [[1, 1], [0, 0], [0, 0]])
    var back = whole
    back.epoch.confVersion = 9
    #expect(try fixture.beat(back, leader: 1).refusal == nil)
    #expect(try fixture.region("")?.region == back)
    #expect(loads(fixture) == [[1, 1], [0, 1], [0, 1]])
  }

  @Test func aRestartLoadsStoresAndRegions() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in 3...11 as ClosedRange<UInt64> { try fixture.put(id) }
    let regions = (0..<10).map { index -> Region in
      let start = index == 0 ? "" : "k\(index)"
      let end = index == 9 ? "" : "k\(index + 1)"
      return region(UInt64(100 + index), start, end, version: 5, conf: 5, stores: [1, 3, 4])
    }
    for region in regions { try fixture.beat(region, leader: 1) }
    try fixture.restart()
    #expect(try fixture.core.allStores().map(\.id) == [1] + Array(3...11))
    #expect(try fixture.core.scanRegions(in: .all).map(\.region) == regions)
    #expect(try fixture.core.isBootstrapped && fixture.core.store(id: 7).info.state == .up)
  }

  /// A newer region removes every other one that has one of its keys.
  @Test func overlappedRegionsGo() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for index in 0..<9 {
      try fixture.beat(
        region(UInt64(100 + index), "k\(index)", "k\(index + 1)", version: 5, conf: 5), leader: 1)
    }
    try fixture.beat(region(200, "k25", "k55", version: 6, conf: 5), leader: 1)
    let ids: [UInt64] = try fixture.core.scanRegions(in: .all).map(\.region.id)
    #expect(ids == [100, 101, 200, 106, 107, 108])
    for id in 102...105 as ClosedRange<UInt64> { #expect(try fixture.region(id: id) == nil) }
    #expect(loads(fixture) == [[6, 6]])
    // An older one removes nothing.
    #expect(
      try fixture.beat(region(300, "k1", "k3", version: 5, conf: 5), leader: 1).refusal != nil)
    #expect(try fixture.core.scanRegions(in: .all).map(\.region.id) == ids)
  }
}
