import Codec
import PlacementDriver
import Testing
import Wire

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

  private func error(_ replies: [HeartbeatResponse]) -> Pdpb_Error? {
    guard replies.count == 1, replies[0].response.header.hasError else { return nil }
    return replies[0].response.header.error
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
    let replies = try fixture.beat(old, leader: 4, term: 9)
    #expect(error(replies)?.type == .unknown)
    #expect(error(replies)?.message.contains("stale") == true)
    #expect(replies[0].storeID == 4)
    #expect(replies[0].response.regionID == 100)
    #expect(try fixture.region("").leader.storeID == 1)
    #expect(try fixture.region("").region == wide.wire)
  }

  @Test(arguments: [(6, 5), (5, 6), (6, 6)] as [(UInt64, UInt64)])
  func aNewerEpochIsTaken(conf: UInt64, version: UInt64) throws {
    let (fixture, wide) = try threeReplicas()
    var new = wide
    new.epoch = RegionEpoch(confVersion: conf, version: version)
    #expect(try fixture.beat(new, leader: 4, term: 9).isEmpty)
    #expect(try fixture.region("").region == new.wire)
    #expect(try fixture.region("").leader.storeID == 4)
  }

  @Test func anOldLeaderIsRefusedByItsTerm() throws {
    let (fixture, wide) = try threeReplicas()
    #expect(try fixture.beat(wide, leader: 4, term: 9).isEmpty)
    #expect(error(try fixture.beat(wide, leader: 1, term: 8)) != nil)
    #expect(try fixture.region("").leader.storeID == 4)
    // One that does not tell its term is believed.
    #expect(try fixture.beat(wide, leader: 5).isEmpty)
    #expect(try fixture.region("").leader.storeID == 5)
  }

  // MARK: Shape

  @Test func splitsMayComeInAnyOrder() throws {
    let (fixture, wide) = try threeReplicas()
    let left = region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(200, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(right, leader: 1).isEmpty)
    // The left part is not known until it is reported: the old region is gone.
    #expect(try !fixture.region("a").hasRegion)
    #expect(try fixture.region("z").region.id == 200)
    #expect(error(try fixture.beat(wide, leader: 4, term: 9)) != nil)
    #expect(try fixture.beat(left, leader: 1).isEmpty)
    #expect(try fixture.region("a").region.id == 100)
    #expect(try fixture.region("m").region.id == 200)
    try fixture.restart()
    #expect(try fixture.region("a").region == left.wire)
    #expect(try fixture.region("m").region == right.wire)
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
        #expect(error(try fixture.beat(part, leader: 1)) == nil, "round \(round)")
      }
      let all = try fixture.driver.scanRegions(
        .with { $0.header = fixture.header }, fixture.reading)
      let regions = try all.regionMetas.map { try Region($0) }
      #expect(regions.first?.startKey == [] && regions.last?.endKey == [], "round \(round)")
      for (left, right) in zip(regions, regions.dropFirst()) {
        #expect(left.endKey == right.startKey, "round \(round)")
      }
      try fixture.restart()
    }
    #expect(try fixture.region("x").region.id == 2)
  }

  @Test func lostRegionWritesAreAlsoConsistent() throws {
    let (fixture, wide) = try threeReplicas()
    fixture.pass(4)
    _ = try fixture.driver.tick(fixture.reading)
    try fixture.beat(region(200, "m", "", version: 6, stores: [1, 4, 5]), leader: 1)
    try fixture.beat(region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5]), leader: 1)
    try fixture.restart(lossy: true)
    #expect(try fixture.region("z").region == wide.wire)
  }

  // MARK: Nonsense

  @Test func malformedReportsAreAnswered() throws {
    let (fixture, wide) = try threeReplicas()
    func send(
      _ change: (inout Pdpb_RegionHeartbeatRequest) -> Void
    ) throws -> [HeartbeatResponse] {
      var request = Pdpb_RegionHeartbeatRequest.with {
        $0.header = fixture.header
        $0.region = wide.wire
        $0.leader = wide.peers[0].wire
      }
      change(&request)
      return try fixture.driver.regionHeartbeat(request, fixture.reading)
    }
    let cases: [(inout Pdpb_RegionHeartbeatRequest) -> Void] = [
      { $0.clearRegion() }, { $0.region.id = 0 }, { $0.region.clearRegionEpoch() },
      { $0.clearLeader() }, { $0.leader.id = 9 }, { $0.leader.storeID = 9 },
      { $0.region.peers = [] }, { $0.region.peers[1].storeID = 1 },
      { $0.region.peers[1].id = 0 },
      {
        $0.region.startKey = key("a").data; $0.region.endKey = key("a").data
      },
      { $0.region.peers[0].role = .UNRECOGNIZED(7) },
    ]
    for (index, change) in cases.enumerated() {
      let replies = try send(change)
      #expect(error(replies)?.type == .unknown, "case \(index)")
    }
    #expect(
      try send {
        $0.clearRegion(); $0.clearLeader()
      }.map(\.storeID) == [0])
    let wrong = #expect(throws: PDError.self) { try send { $0.header.clusterID = 1 } }
    #expect(wrong?.code == .failedPrecondition)
    #expect(try fixture.region("").region == wide.wire)
  }

  @Test func aTombstoneMayNotReport() throws {
    let (fixture, wide) = try threeReplicas()
    fixture.pass(30)
    try fixture.driver.buryStore(5, fixture.reading)
    #expect(error(try fixture.beat(wide, leader: 5))?.type == .storeTombstone)
  }

  @Test func countsFollowTheReports() throws {
    let (fixture, wide) = try threeReplicas()
    func load(_ id: UInt64) -> (Int, Int, Int, UInt64) {
      let all = fixture.driver.storeSummaries(fixture.reading)
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
    let summary = fixture.driver.clusterSummary(fixture.reading)
    #expect(summary.regionCount == 1 && summary.ledRegionCount == 1)
    #expect(summary.missingPeerRegions == 1)
  }
}
