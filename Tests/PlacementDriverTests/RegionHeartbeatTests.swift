import Codec
import PlacementDriver
import Testing

struct RegionHeartbeatTests {
  /// A cluster whose only region is 100 on stores 1, 4 and 5, epoch 5/5.
  private func threeReplicas() throws -> (PDFixture, Region) {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let wide = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(wide, leader: 1, term: 8).isEmpty)
    return (fixture, wide)
  }

  // MARK: Epochs

  @Test func repetitionChangesNothing() throws {
    let (fixture, wide) = try threeReplicas()
    let writes = fixture.engine.traffic.writes
    for _ in 0..<5 { #expect(try fixture.beat(wide, leader: 1, term: 8).isEmpty) }
    #expect(fixture.engine.traffic.writes == writes)
  }

  @Test(arguments: [(4, 5), (5, 4), (6, 4), (4, 6)] as [(UInt64, UInt64)])
  func anOlderEpochIsRefused(conf: UInt64, version: UInt64) throws {
    let (fixture, wide) = try threeReplicas()
    var old = wide
    old.epoch = RegionEpoch(confVersion: conf, version: version)
    let refusal = try fixture.beat(old, leader: 4, term: 9).refusal
    #expect(refusal?.refusal == .unknown)
    #expect(refusal?.message.contains("stale") == true)
    #expect(try fixture.region("")?.leader?.storeID == 1)
    #expect(try fixture.region("")?.region == wide)
  }

  @Test(arguments: [(6, 5), (5, 6), (6, 6)] as [(UInt64, UInt64)])
  func aNewerEpochIsTaken(conf: UInt64, version: UInt64) throws {
    let (fixture, wide) = try threeReplicas()
    var new = wide
    new.epoch = RegionEpoch(confVersion: conf, version: version)
    #expect(try fixture.beat(new, leader: 4, term: 9).isEmpty)
    #expect(try fixture.region("")?.region == new)
    #expect(try fixture.region("")?.leader?.storeID == 4)
  }

  @Test func anOldLeaderIsRefusedByItsTerm() throws {
    let (fixture, wide) = try threeReplicas()
    #expect(try fixture.beat(wide, leader: 4, term: 9).isEmpty)
    #expect(try fixture.beat(wide, leader: 1, term: 8).refusal != nil)
    #expect(try fixture.region("")?.leader?.storeID == 4)
    // One that does not tell its term is believed.
    #expect(try fixture.beat(wide, leader: 5).isEmpty)
    #expect(try fixture.region("")?.leader?.storeID == 5)
  }

  // MARK: Shape

  @Test func splitsMayComeInAnyOrder() throws {
    let (fixture, wide) = try threeReplicas()
    let left = region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(200, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(right, leader: 1).isEmpty)
    // The left part is not known until it is reported: the old region is gone.
    #expect(try fixture.region("a") == nil)
    #expect(try fixture.region("z")?.region.id == 200)
    #expect(try fixture.beat(wide, leader: 4, term: 9).refusal != nil)
    #expect(try fixture.beat(left, leader: 1).isEmpty)
    #expect(try fixture.region("a")?.region.id == 100)
    #expect(try fixture.region("m")?.region.id == 200)
    try fixture.restart()
    #expect(try fixture.region("a")?.region == left)
    #expect(try fixture.region("m")?.region == right)
  }

  @Test func splitsAndMergesTileTheKeySpace() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    // Ranges by region id after each change; version rises each time.
    let rounds: [[(UInt64, String, String)]] = [
      [(2, "", "")], [(2, "", "g"), (10, "g", "")], [(2, "", "c"), (11, "c", "g")],
      [(10, "m", ""), (12, "g", "m")], [(11, "", "g")], [(12, "", "m")], [(2, "", "")],
    ]
    for (round, parts) in rounds.enumerated() {
      for (id, start, end) in parts {
        let part = region(id, start, end, version: UInt64(round + 2))
        #expect(try fixture.beat(part, leader: 1).refusal == nil, "round \(round)")
      }
      let regions = try fixture.core.scanRegions(in: .all).map(\.region)
      #expect(regions.first?.startKey == [] && regions.last?.endKey == [], "round \(round)")
      for (left, right) in zip(regions, regions.dropFirst()) {
        #expect(left.endKey == right.startKey, "round \(round)")
      }
      try fixture.restart()
    }
    #expect(try fixture.region("x")?.region.id == 2)
  }

  @Test func lostRegionWritesAreAlsoConsistent() throws {
    let (fixture, wide) = try threeReplicas()
    fixture.pass(4)
    _ = try fixture.core.tick(fixture.reading)
    try fixture.beat(region(200, "m", "", version: 6, stores: [1, 4, 5]), leader: 1)
    try fixture.beat(region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5]), leader: 1)
    try fixture.restart(lossy: true)
    #expect(try fixture.region("z")?.region == wide)
  }

  // MARK: Nonsense

  @Test func malformedReportsAreRefused() throws {
    let (fixture, wide) = try threeReplicas()
    let cases: [(inout RegionHeartbeat) -> Void] = [
      { $0.region.id = 0 }, { $0.leader.id = 0 }, { $0.leader.id = 9 }, { $0.leader.storeID = 9 },
      { $0.region.peers = [] }, { $0.region.peers[1].storeID = 1 },
      { $0.region.peers[1].id = 0 },
      {
        $0.region.startKey = key("a")
        $0.region.endKey = key("a")
      },
    ]
    for (index, change) in cases.enumerated() {
      var heartbeat = RegionHeartbeat(region: wide, leader: wide.peers[0], term: 9)
      change(&heartbeat)
      #expect(try fixture.beat(heartbeat).refusal?.refusal == .unknown, "case \(index)")
    }
    #expect(try fixture.region("")?.region == wide)
  }

  @Test func aTombstoneMayNotReport() throws {
    let (fixture, wide) = try threeReplicas()
    fixture.pass(30)
    try fixture.core.writeTombstone(5, fixture.reading)
    #expect(try fixture.beat(wide, leader: 5).refusal?.refusal == .storeTombstone)
  }

  @Test func countsFollowTheReports() throws {
    let (fixture, wide) = try threeReplicas()
    func load(_ id: UInt64) -> (Int, Int, Int, UInt64) {
      let all = fixture.core.storeSummaries(fixture.reading)
      guard let one = all.first(where: { $0.info.id == id }) else { return (-1, -1, -1, 0) }
      return (one.leaderCount, one.peerCount, one.pendingPeerCount, one.regionSize)
    }
    try fixture.beat(wide, leader: 1, pending: [5], size: 64)
    #expect(load(1) == (1, 1, 0, 64))
    #expect(load(5) == (0, 1, 1, 64))
    try fixture.beat(wide, leader: 5, size: 32)
    #expect(load(1) == (0, 1, 0, 32))
    #expect(load(5) == (1, 1, 0, 32))
    var smaller = wide
    smaller.peers.remove(at: 0)
    smaller.epoch.confVersion += 1
    try fixture.beat(smaller, leader: 5, size: 32)
    #expect(load(1) == (0, 0, 0, 0))
    let summary = fixture.core.clusterSummary(fixture.reading)
    #expect(summary.regionCount == 1 && summary.ledRegionCount == 1)
    #expect(summary.missingPeerRegions == 1)
  }
}
