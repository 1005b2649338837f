import Codec
import Testing

@testable import PlacementDriver

struct MergeTests {
  /// Regions of the given MiB, in key order, on stores 1, 4 and 5 of stores 1, 4, 5 and 6; an hour after the start.
  private func world(
    _ sizes: [UInt64], _ change: (inout PDConfig) -> Void = { _ in }
  ) throws -> SimulatedStores {
    let fixture = try PDFixture {
      $0.merging.splitMergeInterval = .seconds(60)
      $0.merging.regionMaxMebibytes = 96
      $0.merging.regionSplitMebibytes = 64
      change(&$0)
    }
    let world = try SimulatedStores(fixture, stores: [1, 4, 5, 6])
    world.regions = sizes.enumerated().map { index, size in
      let start = index == 0 ? "" : "k\(100 + index)"
      let end = index == sizes.count - 1 ? "" : "k\(101 + index)"
      let made = region(
        200 + UInt64(index), start, end, version: 50, conf: 5, stores: [1, 4, 5])
      return SimulatedStores.Replica(region: made, leader: 1, size: size << 20)
    }
    // Nothing else is to move.
    try fixture.core.removeScheduler("balance-region-scheduler")
    try fixture.core.removeScheduler("balance-leader-scheduler")
    try fixture.core.setLimit(nil, rate: StoreLimits.unlimited, direction: nil)
    return world
  }

  private func merges(_ world: SimulatedStores) -> [String] {
    world.told.filter { $0.hasPrefix("merge") }
  }

  private func statuses(_ world: SimulatedStores) -> [OperatorStatus] {
    world.fixture.core.operatorHistory(world.fixture.reading)
      .filter { $0.name.hasSuffix("merge-region") }.map(\.status)
  }

  @Test func smallNeighborsBecomeOne() throws {
    let world = try world([1, 1, 1, 1])
    try world.run(30)
    #expect(world.regions.count == 1)
    #expect(merges(world).count == 3)
    #expect(statuses(world) == Array(repeating: .success, count: 6))
    let whole = try #require(try world.fixture.region("k101x"))
    #expect(whole.region.range == .all)
    #expect(world.fixture.core.summary.regionCount == 1)
  }

  /// Both operators are there together; the target's sends nothing.
  @Test func aMergeIsAPairOfOperators() throws {
    let world = try world([1, 80])
    world.merges = false
    try world.run(10)
    let running = world.fixture.core.operatorSummaries(world.fixture.reading)
    #expect(Set(running.map(\.regionID)) == [200, 201])
    #expect(running.allSatisfy { $0.name == "merge-region" && $0.kind == "merge" })
    #expect(Set(merges(world)) == ["merge 200 into 201"])
    try world.fixture.core.cancelOperator(regionID: 201, world.fixture.reading)
    #expect(world.fixture.core.operatorSummaries(world.fixture.reading).isEmpty)
  }

  @Test(
    arguments: [
      [60, 60], [54, 96], [0, 80], [80, 80],
    ] as [[UInt64]])
  func largeRegionsAndSuchOfUnknownSizeStay(sizes: [UInt64]) throws {
    // 54 and 96 MiB together are split into 64 MiB twice and a rest that would be merged again.
    let world = try world(sizes)
    try world.run(30)
    #expect(merges(world).isEmpty)
  }

  @Test func theSmallerNeighborIsPreferred() throws {
    let world = try world([60, 2, 70])
    world.merges = false
    try world.run(10)
    #expect(merges(world).contains("merge 201 into 200"))
    #expect(!merges(world).contains("merge 201 into 202"))
    let oneWay = try self.world([60, 2, 70]) { $0.merging.isOneWay = true }
    oneWay.merges = false
    try oneWay.run(10)
    #expect(Set(merges(oneWay)) == ["merge 201 into 202"])
  }

  @Test func replicasAreAlignedFirst() throws {
    let world = try world([1, 80])
    world.regions[0].region = region(200, "", "k101", version: 50, conf: 5, stores: [1, 4, 6])
    try world.run(20)
    #expect(world.told.first == "learner on 5")
    #expect(world.told.contains("leave joint state") && world.told.contains("remove from 6"))
    #expect(world.told.last == "merge 200 into 201")
    #expect(world.regions.count == 1)
  }

  @Test func whatWasSplitLatelyStays() throws {
    let world = try world([1, 1])
    try world.run(5)
    _ = try world.fixture.core.askBatchSplit(
      world.regions[0].region, count: 1, world.fixture.reading)
    try world.run(5)
    #expect(merges(world).isEmpty)
    try world.run(4)
    #expect(merges(world).count == 1)
  }

  @Test func nothingIsMergedRightAfterTheStart() throws {
    let world = try world([1, 1])
    try world.run(5)
    #expect(merges(world).isEmpty)
    try world.run(5)
    #expect(merges(world).count == 1)
  }

  @Test func unhealthyRegionsStay() throws {
    let world = try world([1, 1])
    world.catchUp = false
    world.stuck = [4]
    world.regions[1].pending = [4]
    try world.run(20)
    #expect(merges(world).isEmpty)
    world.regions[1].pending = []
    try world.run(5)
    #expect(merges(world).count == 1)
  }

  /// A merge that waited for the replica would keep it from being replaced.
  @Test func aLostReplicaComesBeforeAMerge() throws {
    let world = try world([1, 80]) {
      $0.fastStepTimeout = .seconds(3600)
      $0.maxStoreDownTime = .seconds(600)
    }
    world.merges = false
    try world.run(10)
    #expect(merges(world).count > 1)
    world.kill(5)
    try world.run(100)
    #expect(world.regions.allSatisfy { Set($0.region.peers.map(\.storeID)) == [1, 4, 6] })
    #expect(statuses(world).contains(.cancel))
  }

  @Test func nothingIsMergedWithoutALimit() throws {
    let world = try world([1, 1]) { $0.merging.scheduleLimit = 0 }
    try world.run(30)
    #expect(merges(world).isEmpty)
  }

  /// A merge that was prepared raises the source's versions and goes on; one that was rolled back ends both operators.
  @Test func aRollbackEndsTheMerge() throws {
    let world = try world([1, 80])
    world.merges = false
    try world.run(10)
    world.regions[0].region.epoch.version += 1
    world.regions[0].region.epoch.confVersion += 1
    try world.run(2)
    #expect(world.fixture.core.operatorSummaries(world.fixture.reading).count == 2)
    world.regions[0].region.epoch.version += 1
    try world.run(1)
    #expect(statuses(world).prefix(2) == [.cancel, .cancel])
  }

  @Test func aTargetThatChangesEndsTheMerge() throws {
    let world = try world([1, 80])
    world.merges = false
    try world.run(10)
    world.regions[1].region.epoch.version += 1
    let before = merges(world).count
    #expect(before > 0)
    try world.run(1)
    #expect(statuses(world).prefix(2) == [.cancel, .cancel])
  }

  /// A report of the source that was on its way when the target's came.
  @Test func aLateReportOfTheSourceIsRefused() throws {
    let world = try world([1, 80])
    let source = world.regions[0].region
    try world.run(20)
    #expect(world.regions.count == 1)
    var late = source
    late.epoch.version += 1
    late.epoch.confVersion += 1
    #expect(try world.fixture.beat(late, leader: 1).refusal != nil)
    #expect(try world.fixture.region(id: 200) == nil)
  }

  @Test func administratorsMergeNeighborsOfAnySize() throws {
    let world = try world([80, 80, 80])
    try world.run(1)
    let core = world.fixture.core
    func request(_ source: UInt64, _ target: UInt64) throws {
      try core.createOperator(
        OperatorRequest(regionID: source, .merge(region: target)), world.fixture.reading)
    }
    #expect(throws: PDError.self) { try request(200, 202) }
    #expect(throws: PDError.self) { try request(200, 9) }
    try request(201, 200)
    #expect(throws: PDError.self) { try request(202, 201) }
    let running = core.operatorSummaries(world.fixture.reading)
    #expect(running.count == 2 && running.allSatisfy { $0.kind == "admin,merge" })
    try world.run(2)
    #expect(world.regions.map(\.region.id) == [200, 202])
  }

  @Test func administratorsSplitRegions() throws {
    let world = try world([80])
    try world.run(1)
    let core = world.fixture.core
    func request(_ keys: [String]) throws {
      try core.createOperator(
        OperatorRequest(regionID: 200, .split(keys: keys.map(key))), world.fixture.reading)
    }
    #expect(throws: PDError.self) { try request([""]) }
    try request(["m", "c", "m"])
    #expect(core.operatorSummaries(world.fixture.reading).first?.kind == "admin,split")
    try world.run(2)
    #expect(world.told == ["split 200 at 2"])
    #expect(core.operatorHistory(world.fixture.reading).first?.status == .success)
    #expect(try world.fixture.region("d")?.region.range == KeyRange(start: key("c"), end: key("m")))
  }

  @Test func splitsOnRequestAreCarriedOn() throws {
    let world = try world([80])
    try world.run(1)
    let core = world.fixture.core
    let keys = ["c", "m"].map(key)
    let first = try core.splitRegions(at: keys, world.fixture.reading)
    #expect(!first.isDone && first.percentage == 0)
    try world.run(2)
    let second = try core.splitRegions(at: keys, world.fixture.reading)
    #expect(second.isDone && second.percentage == 100 && Set(second.regionIDs).count == 2)
    #expect(world.told == ["split 200 at 2"])
    #expect(throws: PDError.self) { try core.splitRegions(at: [[]], world.fixture.reading) }
  }
}
