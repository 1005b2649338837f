import Codec
import Runtime
import Testing

@testable import PlacementDriver

struct HotRegionTests {
  private func instant(_ seconds: Double) -> Instant {
    Instant(nanoseconds: UInt64(seconds * 1e9))
  }

  @Test func aMeterGivesRatesOfWholeIntervals() {
    var meter = FlowMeter()
    func add(_ flow: RegionFlow, at seconds: Double) -> Bool {
      meter.add(flow, at: instant(seconds), interval: .seconds(10))
    }
    let flow = RegionFlow(bytes: 1000, keys: 10)
    // Nothing says since when the first report counts.
    #expect(add(RegionFlow(bytes: 999_999, keys: 9), at: 1) == false)
    #expect(add(flow, at: 4) == false)
    #expect(meter.rate == RegionFlow() && meter.last == flow)
    #expect(add(flow, at: 11))
    #expect(meter.rate == RegionFlow(bytes: 200, keys: 2))
    let huge = RegionFlow(bytes: .max, keys: .max)
    #expect(add(huge, at: 12) == false)
    #expect(add(huge, at: 21))
    #expect(meter.rate.bytes > 1 << 40)
  }

  @Test func aRegionIsHotAfterSeveralIntervalsAndCoolsDown() {
    var hot = HotRegions(.write)
    for second in 1...3 {
      #expect(!hot.isHot(7, hits: 3))
      hot.record(7, RegionFlow(bytes: 4096), ledFrom: 1, at: instant(Double(second)))
    }
    #expect(hot.isHot(7, hits: 3))
    hot.record(7, RegionFlow(), ledFrom: 1, at: instant(4))
    #expect(!hot.isHot(7, hits: 3))
    #expect(hot.entries[7]?.rate.bytes == 2048)
    for _ in 0..<3 { hot.record(7, RegionFlow(), ledFrom: 1, at: instant(5)) }
    #expect(hot.entries.isEmpty)
    hot.record(8, RegionFlow(bytes: 1023, keys: 31), ledFrom: 1, at: instant(6))
    #expect(hot.entries.isEmpty)
  }

  /// The threshold of a store with many hot regions follows the sixtieth of them.
  @Test func theThresholdFollowsTheStore() {
    var hot = HotRegions(.write)
    for id in 1...60 as ClosedRange<UInt64> {
      hot.record(id, RegionFlow(bytes: 100_000), ledFrom: 1, at: instant(1))
    }
    hot.refresh(at: instant(2), memory: .seconds(60)) { $0 == 60 ? nil : 1 }
    hot.record(70, RegionFlow(bytes: 2000), ledFrom: 1, at: instant(3))
    #expect(hot.entries[70] != nil)
    hot.refresh(at: instant(20), memory: .seconds(60)) { _ in 1 }
    hot.record(71, RegionFlow(bytes: 2000), ledFrom: 1, at: instant(21))
    hot.record(72, RegionFlow(bytes: 2000), ledFrom: 2, at: instant(21))
    #expect(hot.entries[71] == nil && hot.entries[72] != nil)
    hot.refresh(at: instant(70), memory: .seconds(60)) { _ in 1 }
    #expect(hot.entries[1] == nil && hot.entries[72] != nil)
  }

  /// Regions of the given bytes written a second, all led by store 1, on stores 1, 4 and 5 of four.
  private func world(_ rates: [UInt64], reads: Bool = false) throws -> SimulatedStores {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    world.regions = rates.enumerated().map { index, rate in
      let start = index == 0 ? "" : "k\(100 + index)"
      let end = index == rates.count - 1 ? "" : "k\(101 + index)"
      let made = region(
        200 + UInt64(index), start, end, version: 50, conf: 5, stores: [1, 4, 5])
      let flow = RegionFlow(bytes: rate, keys: rate / 10)
      return SimulatedStores.Replica(
        region: made, leader: 1, size: 96 << 20, written: reads ? RegionFlow() : flow,
        read: reads ? flow : RegionFlow())
    }
    let core = world.fixture.core
    for name in ["balance-region-scheduler", "balance-leader-scheduler"] {
      try core.removeScheduler(name)
    }
    try core.setLimit(nil, rate: StoreLimits.unlimited, direction: nil)
    return world
  }

  private func names(_ world: SimulatedStores) -> Set<String> {
    Set(world.fixture.core.operatorHistory(world.fixture.reading).map(\.name))
  }

  @Test func hotWritesSpread() throws {
    let world = try world(Array(repeating: 100_000, count: 8))
    try world.run(40)
    let peers = [1, 4, 5, 6].map { id in
      world.regions.filter { $0.region.peer(onStore: id) != nil }.count
    }
    #expect(peers == [6, 6, 6, 6], "\(peers)")
    #expect(names(world).contains("move-hot-write-peer"))
    let told = world.told.count
    try world.run(20)
    #expect(world.told.count == told, "a balanced cluster is left alone")
  }

  @Test func hotReadsMoveWithTheirLeaders() throws {
    let world = try world(Array(repeating: 100_000, count: 9), reads: true)
    try world.run(40)
    let leaders = [1, 4, 5].map { id in world.regions.filter { $0.leader == id }.count }
    #expect((leaders.max() ?? 9) - (leaders.min() ?? 0) <= 2, "\(leaders)")
    #expect(names(world).contains("transfer-hot-read-leader"))
    let summaries = world.fixture.core.hotRegionSummaries(.read, world.fixture.reading)
    #expect(summaries.count == 9 && summaries.allSatisfy { $0.isLeader && $0.flow.bytes > 90_000 })
    let flows = world.fixture.core.storeFlows()
    #expect(flows.reduce(0) { $0 + $1.read.bytes } == 900_000)
  }

  @Test func coldRegionsStay() throws {
    let world = try world(Array(repeating: 300, count: 8))
    try world.run(40)
    #expect(world.told.isEmpty)
  }

  @Test func aRemovedSchedulerMovesNothing() throws {
    let world = try world(Array(repeating: 100_000, count: 8))
    try world.fixture.core.removeScheduler("balance-hot-region-scheduler")
    try world.run(40)
    #expect(world.told.isEmpty)
  }

  /// One hot region alone cannot be spread.
  @Test func aLoneHotRegionStays() throws {
    let world = try world([1_000_000])
    try world.run(40)
    #expect(!names(world).contains("move-hot-write-peer"))
  }
}
