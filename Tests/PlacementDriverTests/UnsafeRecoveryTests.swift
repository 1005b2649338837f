import Codec
import PlacementDriver
import Runtime
import Testing

/// Regions that have lost a majority of their voters go on with what is left.
@Suite struct UnsafeRecoveryTests {
  private let limit = Duration.seconds(60)

  private func peer(_ id: UInt64, on store: UInt64) -> PeerInfo {
    PeerInfo(id: id, storeID: store)
  }

  private func region(
    _ id: UInt64, _ start: String, _ end: String, version: UInt64 = 5, stores: [UInt64]
  ) -> Region {
    Region(
      id: id, startKey: Array(start.utf8), endKey: Array(end.utf8),
      epoch: RegionEpoch(confVersion: 5, version: version),
      peers: stores.map { peer(id * 10 + $0, on: $0) })
  }

  private func report(
    _ region: Region, on store: UInt64, term: UInt64 = 6, index: UInt64 = 10
  ) throws -> PeerReport {
    PeerReport(
      region: region, peer: try #require(region.peer(onStore: store)), state: .normal,
      lastTerm: term, lastIndex: index, appliedIndex: index)
  }

  private func beat(
    _ fixture: PDFixture, _ id: UInt64, _ report: StoreReport? = nil
  ) throws -> RecoveryPlan? {
    try fixture.core.storeHeartbeat(
      StoreHeartbeat(storeID: id, capacity: 1000, available: 900, report: report),
      fixture.reading)
  }

  /// Stores 1 and 2 are silent, 3 and 4 are up.
  private func fixture(_ regions: [Region]) throws -> PDFixture {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in 1...4 as ClosedRange<UInt64> {
      try fixture.put(id)
      try fixture.beat(id)
    }
    for region in regions {
      _ = try fixture.core.regionHeartbeat(
        RegionHeartbeat(region: region, leader: region.peers[0], term: 6), fixture.reading)
    }
    fixture.pass(600)
    for id in 3...4 as ClosedRange<UInt64> { try fixture.beat(id) }
    return fixture
  }

  private func begin(_ fixture: PDFixture, dryRun: Bool = false) throws {
    try fixture.core.removeFailedStores(
      [1, 2], timeout: limit, isDryRun: dryRun, fixture.reading)
  }

  private func lines(_ fixture: PDFixture) -> [String] {
    fixture.core.recoverySummary(at: fixture.reading).lines
  }

  @Test func theSurvivorWithTheNewestLogGoesOnAlone() throws {
    let lost = region(20, "", "m", stores: [1, 2, 3])
    let half = region(30, "m", "", stores: [1, 3, 4])
    let fixture = try fixture([lost, half])
    try begin(fixture)
    let ask = try #require(try beat(fixture, 3))
    #expect(ask.isEmpty)
    _ = try beat(
      fixture, 3,
      StoreReport(
        step: ask.step, peers: [try report(lost, on: 3), try report(half, on: 3)]))
    #expect(try #require(try beat(fixture, 4)).isEmpty)
    _ = try beat(fixture, 4, StoreReport(step: ask.step, peers: [try report(half, on: 4)]))
    let plan = try #require(try beat(fixture, 3))
    #expect(plan.step > ask.step)
    #expect(plan.demotes.map(\.regionID) == [20])
    #expect(plan.demotes[0].failedVoters.map(\.storeID) == [1, 2])
    #expect(plan.tombstones.isEmpty && plan.creates.isEmpty)
    // A region with a majority is left alone.
    #expect(try beat(fixture, 4) == nil)
    for id in 1...2 as ClosedRange<UInt64> {
      #expect(try fixture.core.store(id: id).info.state == .tombstone)
    }
    // It may be told again; it is over when its report shows the result.
    #expect(try beat(fixture, 3) == plan)
    var alone = lost
    alone.peers = [peer(203, on: 3)]
    alone.epoch.confVersion += 3
    _ = try beat(
      fixture, 3,
      StoreReport(step: plan.step, peers: [try report(alone, on: 3), try report(half, on: 3)]))
    #expect(try beat(fixture, 3) == nil)
    #expect(!fixture.core.recoverySummary(at: fixture.reading).isRunning)
    #expect(lines(fixture).last == "finished")
    // What its leader reports is taken, although it is not what was known.
    _ = try fixture.core.regionHeartbeat(
      RegionHeartbeat(region: alone, leader: alone.peers[0], term: 7), fixture.reading)
    #expect(try fixture.core.region(id: 20)?.region == alone)
  }

  @Test(arguments: [false, true])
  func ofTwoSurvivorsOneStays(byTerm: Bool) throws {
    let five = Region(
      id: 20, epoch: RegionEpoch(confVersion: 5, version: 5),
      peers: [1, 2, 5, 3, 4].map { peer(200 + $0, on: $0) })
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in 1...5 as ClosedRange<UInt64> {
      try fixture.put(id)
      try fixture.beat(id)
    }
    fixture.pass(600)
    try fixture.core.removeFailedStores(
      [1, 2, 5], timeout: limit, isDryRun: false, fixture.reading)
    let ask = try #require(try beat(fixture, 3))
    _ = try beat(
      fixture, 3, StoreReport(step: ask.step, peers: [try report(five, on: 3, index: 90)]))
    _ = try beat(
      fixture, 4,
      StoreReport(
        step: ask.step,
        peers: [try report(five, on: 4, term: byTerm ? 7 : 6, index: byTerm ? 80 : 91)]))
    #expect(try #require(try beat(fixture, 3)).tombstones == [20])
    #expect(try #require(try beat(fixture, 4)).demotes.map(\.regionID) == [20])
  }

  /// A split was applied by one survivor and not by the other: the newer regions stay, and what is left of the range
  /// begins anew.
  @Test func rangesThatAreLostBeginEmpty() throws {
    let parent = region(20, "", "", version: 5, stores: [1, 2, 3])
    let child = region(30, "m", "", version: 6, stores: [1, 2, 4])
    let fixture = try fixture([parent])
    try begin(fixture)
    let ask = try #require(try beat(fixture, 3))
    _ = try beat(fixture, 3, StoreReport(step: ask.step, peers: [try report(parent, on: 3)]))
    _ = try beat(fixture, 4, StoreReport(step: ask.step, peers: [try report(child, on: 4)]))
    var plans: [RecoveryPlan] = []
    for id in 3...4 as ClosedRange<UInt64> {
      if let plan = try beat(fixture, id) { plans.append(plan) }
    }
    #expect(plans.flatMap(\.demotes).map(\.regionID) == [30])
    #expect(plans.flatMap(\.tombstones) == [20])
    let created = try #require(plans.flatMap(\.creates).first)
    #expect(created.range == KeyRange(start: [], end: Array("m".utf8)))
    #expect(created.epoch.version > 5)
    #expect(created.peers.count == 1)
  }

  @Test func aDryRunChangesNothing() throws {
    let lost = region(20, "", "", stores: [1, 2, 3])
    let fixture = try fixture([lost])
    try begin(fixture, dryRun: true)
    let ask = try #require(try beat(fixture, 3))
    _ = try beat(fixture, 3, StoreReport(step: ask.step, peers: [try report(lost, on: 3)]))
    _ = try beat(fixture, 4, StoreReport(step: ask.step, peers: []))
    #expect(try beat(fixture, 3) == nil)
    #expect(lines(fixture).contains { $0.contains("peer 203 on store 3 goes on alone") })
    #expect(lines(fixture).last == "dry run: nothing is changed")
    #expect(try fixture.core.store(id: 1).info.state == .up)
    #expect(try fixture.core.region(id: 20)?.region == lost)
  }

  @Test func itIsRefusedWhereItWouldDoHarm() throws {
    let fixture = try fixture([])
    func refused(_ stores: [UInt64]) throws -> Bool {
      try fixture.refusal {
        try fixture.core.removeFailedStores(
          stores, timeout: limit, isDryRun: false, fixture.reading)
      } != nil
    }
    #expect(try refused([]))
    #expect(try refused([3]))
    #expect(try refused([99]))
    #expect(try !refused([1, 2]))
    #expect(try refused([1, 2]))
    fixture.pass(61)
    let summary = fixture.core.recoverySummary(at: fixture.reading)
    #expect(summary.hasFailed && !summary.isRunning)
    #expect(summary.lines.last?.hasPrefix("timeout") == true)
    #expect(try !refused([1, 2]))
  }
}
