import Codec
import PlacementDriver
import Testing
import Wire

struct RegionHeartbeatTests {
  /// A cluster whose only region is 100 on stores 1, 4 and 5, epoch 5/5.
  private func threeReplicas() throws -> (Bench, Region) {
    let bench = try Bench()
    try bench.bootstrap()
    for id in [4, 5] as [UInt64] { try bench.put(id) }
    let wide = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    #expect(try bench.beat(wide, leader: 1, term: 8).isEmpty)
    return (bench, wide)
  }

  private func error(_ replies: [HeartbeatReply]) -> Pdpb_Error? {
    guard replies.count == 1, replies[0].response.header.hasError else { return nil }
    return replies[0].response.header.error
  }

  // MARK: Epochs

  @Test func repetitionChangesNothing() throws {
    let (bench, wide) = try threeReplicas()
    let writes = bench.engine.traffic.writes
    for _ in 0..<5 { #expect(try bench.beat(wide, leader: 1, term: 8).isEmpty) }
    #expect(bench.engine.traffic.writes == writes)
  }

  @Test(arguments: [(4, 5), (5, 4), (6, 4), (4, 6)] as [(UInt64, UInt64)])
  func anOlderEpochIsRefused(conf: UInt64, version: UInt64) throws {
    let (bench, wide) = try threeReplicas()
    var old = wide
    old.epoch = RegionEpoch(confVersion: conf, version: version)
    let replies = try bench.beat(old, leader: 4, term: 9)
    #expect(error(replies)?.type == .unknown)
    #expect(error(replies)?.message.contains("stale") == true)
    #expect(replies[0].storeID == 4)
    #expect(replies[0].response.regionID == 100)
    #expect(try bench.region("").leader.storeID == 1)
    #expect(try bench.region("").region == wide.wire)
  }

  @Test(arguments: [(6, 5), (5, 6), (6, 6)] as [(UInt64, UInt64)])
  func aNewerEpochIsTaken(conf: UInt64, version: UInt64) throws {
    let (bench, wide) = try threeReplicas()
    var new = wide
    new.epoch = RegionEpoch(confVersion: conf, version: version)
    #expect(try bench.beat(new, leader: 4, term: 9).isEmpty)
    #expect(try bench.region("").region == new.wire)
    #expect(try bench.region("").leader.storeID == 4)
  }

  @Test func anOldLeaderIsRefusedByItsTerm() throws {
    let (bench, wide) = try threeReplicas()
    #expect(try bench.beat(wide, leader: 4, term: 9).isEmpty)
    #expect(error(try bench.beat(wide, leader: 1, term: 8)) != nil)
    #expect(try bench.region("").leader.storeID == 4)
    // One that does not tell its term is believed.
    #expect(try bench.beat(wide, leader: 5).isEmpty)
    #expect(try bench.region("").leader.storeID == 5)
  }

  // MARK: Shape

  @Test func splitsMayComeInAnyOrder() throws {
    let (bench, wide) = try threeReplicas()
    let left = region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5])
    let right = region(200, "m", "", version: 6, conf: 5, stores: [1, 4, 5])
    #expect(try bench.beat(right, leader: 1).isEmpty)
    // The left part is not known until it is reported: the old region is gone.
    #expect(try !bench.region("a").hasRegion)
    #expect(try bench.region("z").region.id == 200)
    #expect(error(try bench.beat(wide, leader: 4, term: 9)) != nil)
    #expect(try bench.beat(left, leader: 1).isEmpty)
    #expect(try bench.region("a").region.id == 100)
    #expect(try bench.region("m").region.id == 200)
    try bench.restart()
    #expect(try bench.region("a").region == left.wire)
    #expect(try bench.region("m").region == right.wire)
  }

  @Test func splitsAndMergesTileTheKeySpace() throws {
    let bench = try Bench()
    try bench.bootstrap()
    // Ranges by region id after each change; version rises each time.
    let rounds: [[(UInt64, String, String)]] = [
      [(2, "", "")], [(2, "", "g"), (10, "g", "")], [(2, "", "c"), (11, "c", "g")],
      [(10, "m", ""), (12, "g", "m")], [(11, "", "g")], [(12, "", "m")], [(2, "", "")],
    ]
    for (round, parts) in rounds.enumerated() {
      for (id, start, end) in parts {
        let part = region(id, start, end, version: UInt64(round + 2))
        #expect(error(try bench.beat(part, leader: 1)) == nil, "round \(round)")
      }
      let all = try bench.driver.scanRegions(.with { $0.header = bench.header }, bench.moment)
      let regions = try all.regionMetas.map { try Region($0) }
      #expect(regions.first?.startKey == [] && regions.last?.endKey == [], "round \(round)")
      for (left, right) in zip(regions, regions.dropFirst()) {
        #expect(left.endKey == right.startKey, "round \(round)")
      }
      try bench.restart()
    }
    #expect(try bench.region("x").region.id == 2)
  }

  @Test func lostRegionWritesAreAlsoConsistent() throws {
    let (bench, wide) = try threeReplicas()
    bench.pass(4)
    _ = try bench.driver.tick(bench.moment)
    try bench.beat(region(200, "m", "", version: 6, stores: [1, 4, 5]), leader: 1)
    try bench.beat(region(100, "", "m", version: 6, conf: 5, stores: [1, 4, 5]), leader: 1)
    try bench.restart(lossy: true)
    #expect(try bench.region("z").region == wide.wire)
  }

  // MARK: Nonsense

  @Test func malformedReportsAreAnswered() throws {
    let (bench, wide) = try threeReplicas()
    func send(
      _ change: (inout Pdpb_RegionHeartbeatRequest) -> Void
    ) throws -> [HeartbeatReply] {
      var request = Pdpb_RegionHeartbeatRequest.with {
        $0.header = bench.header
        $0.region = wide.wire
        $0.leader = wide.peers[0].wire
      }
      change(&request)
      return try bench.driver.regionHeartbeat(request, bench.moment)
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
    let wrong = #expect(throws: PlacementError.self) { try send { $0.header.clusterID = 1 } }
    #expect(wrong?.code == .failedPrecondition)
    #expect(try bench.region("").region == wide.wire)
  }

  @Test func aTombstoneMayNotReport() throws {
    let (bench, wide) = try threeReplicas()
    bench.pass(30)
    try bench.driver.buryStore(5, bench.moment)
    #expect(error(try bench.beat(wide, leader: 5))?.type == .storeTombstone)
  }

  @Test func countsFollowTheReports() throws {
    let (bench, wide) = try threeReplicas()
    func load(_ id: UInt64) -> (Int, Int, Int, UInt64) {
      let all = bench.driver.storeSummaries(bench.moment)
      guard let one = all.first(where: { $0.info.id == id }) else { return (-1, -1, -1, 0) }
      return (one.leaderCount, one.peerCount, one.pendingPeerCount, one.regionSize)
    }
    try bench.beat(wide, leader: 1, pending: [5], size: 64)
    #expect(load(1) == (1, 1, 0, 64))
    #expect(load(5) == (0, 1, 1, 64))
    try bench.beat(wide, leader: 5, size: 32)
    #expect(load(1) == (0, 1, 0, 32))
    #expect(load(5) == (1, 1, 0, 32))
    var smaller = wide
    smaller.peers.remove(at: 0)
    smaller.epoch.confVersion += 1
    try bench.beat(smaller, leader: 5, size: 32)
    #expect(load(1) == (0, 0, 0, 0))
    let summary = bench.driver.clusterSummary(bench.moment)
    #expect(summary.regionCount == 1 && summary.ledRegionCount == 1)
    #expect(summary.missingPeerRegions == 1)
  }
}
