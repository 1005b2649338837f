import Codec
import Testing

@testable import PlacementDriver

struct SchedulerTests {
  private let leaders = "balance-leader-scheduler"
  private let evict = "evict-leader-scheduler"

  private func world() throws -> SimulatedStores {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    world.regions = (0..<9).map { index in
      let made = region(
        200 + UInt64(index), index == 0 ? "" : "k\(index)", index == 8 ? "" : "k\(index + 1)",
        version: 50, conf: 5, stores: [1, 4, 5])
      return SimulatedStores.Replica(region: made, leader: 1)
    }
    return world
  }

  private func led(_ world: SimulatedStores, _ store: UInt64) -> Int {
    world.regions.filter { $0.leader == store }.count
  }

  private func names(_ fixture: PDFixture) -> [String] {
    fixture.core.schedulerSummaries(fixture.reading).map(\.scheduler.rawValue)
  }

  @Test func aRemovedSchedulerStaysRemoved() throws {
    let world = try world()
    #expect(
      names(world.fixture) == [leaders, "balance-region-scheduler", "balance-hot-region-scheduler"])
    try world.fixture.core.removeScheduler(leaders)
    #expect(throws: PDError.self) { try world.fixture.core.removeScheduler(leaders) }
    try world.run(10)
    #expect(led(world, 1) == 9)
    try world.fixture.restart(lossy: true)
    #expect(
      names(world.fixture) == ["balance-region-scheduler", "balance-hot-region-scheduler"])
    try world.run(10)
    #expect(led(world, 1) == 9)
    try world.fixture.core.addScheduler(leaders, store: nil)
    #expect(throws: PDError.self) { try world.fixture.core.addScheduler(leaders, store: nil) }
    try world.run(10)
    #expect(led(world, 1) == 3)
  }

  @Test func aPausedSchedulerResumesByItself() throws {
    let world = try world()
    try world.fixture.core.pauseScheduler(leaders, seconds: 300, world.fixture.reading)
    try world.fixture.restart()
    #expect(world.fixture.core.schedulerSummaries(world.fixture.reading)[0].isPaused)
    try world.run(25)
    #expect(led(world, 1) == 9)
    try world.run(20)
    #expect(led(world, 1) == 3)
    #expect(throws: PDError.self) {
      try world.fixture.core.pauseScheduler("no-such", seconds: 1, world.fixture.reading)
    }
    try world.fixture.core.pauseScheduler("all", seconds: .max, world.fixture.reading)
    let paused = world.fixture.core.schedulerSummaries(world.fixture.reading)
    #expect(paused.allSatisfy { $0.isPaused })
    try world.fixture.core.pauseScheduler("all", seconds: 0, world.fixture.reading)
    #expect(!world.fixture.core.schedulerSummaries(world.fixture.reading)[0].isPaused)
  }

  @Test func leadersLeaveAnEvictedStoreAndStayAway() throws {
    let world = try world()
    try world.run(20)
    #expect(led(world, 4) == 3)
    try world.fixture.core.addScheduler(evict, store: 4)
    #expect(throws: PDError.self) { try world.fixture.core.addScheduler(evict, store: 4) }
    #expect(throws: PDError.self) { try world.fixture.core.addScheduler(evict, store: 77) }
    #expect(throws: PDError.self) { try world.fixture.core.addScheduler(evict, store: nil) }
    try world.run(20)
    #expect(led(world, 4) == 0)
    try world.fixture.restart(lossy: true)
    try world.run(20)
    #expect(led(world, 4) == 0 && led(world, 1) + led(world, 5) == 9)
    let summary = try #require(
      world.fixture.core.schedulerSummaries(world.fixture.reading).first)
    #expect(summary.state.stores == [4])
    try world.fixture.core.removeScheduler(evict + "-4")
    #expect(!names(world.fixture).contains(evict))
    try world.run(20)
    #expect(led(world, 4) == 3)
  }

  @Test func statesAreReadAsTheyAreWritten() {
    var state = SchedulerState(isAdded: true)
    (state.pausedUntil, state.stores) = (77, [3, .max])
    #expect(SchedulerState(decoding: state.encoded()) == state)
    for bytes in [[], [2] + Array(repeating: 0, count: 8), [1, 2, 3]] as [[UInt8]] {
      #expect(SchedulerState(decoding: bytes) == nil)
    }
  }

  @Test func anAdministratorsOperatorReplacesAnother() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    let two = region(100, "", "", version: 2, conf: 5, stores: [1, 4])
    try fixture.beat(two, leader: 1)
    #expect(fixture.core.operatorSummaries(fixture.reading).map(\.name) == ["make-up-replica"])
    func create(_ change: OperatorRequest.Change, region id: UInt64 = 100) throws {
      try fixture.core.createOperator(OperatorRequest(regionID: id, change), fixture.reading)
    }
    try create(.transferLeader(store: 4))
    let running = try #require(fixture.core.operatorSummaries(fixture.reading).first)
    #expect(running.name == "admin-transfer-leader" && running.kind == "admin,leader")
    #expect(fixture.core.operatorHistory(fixture.reading).first?.status == .replace)
    #expect(throws: PDError.self) { try create(.addPeer(store: 5)) }
    let steps = try fixture.core.tick(fixture.reading)
    #expect(steps.map(\.step) == [.transferLeader(to: two.peers[1], candidates: [two.peers[1]])])
    try fixture.core.cancelOperator(regionID: 100, fixture.reading)
    for change in [
      .transferLeader(store: 1), .transferLeader(store: 5), .transferPeer(from: 5, to: 6),
      .transferPeer(from: 1, to: 4), .transferPeer(from: 1, to: 99), .addPeer(store: 4),
      .removePeer(store: 5), .transferRegion(stores: []), .transferRegion(stores: [5, 5]),
      .transferRegion(stores: [4, 1]),
    ] as [OperatorRequest.Change] {
      #expect(throws: PDError.self, "\(change)") { try create(change) }
    }
    #expect(throws: PDError.self) { try create(.addPeer(store: 5), region: 9) }
    try create(.transferRegion(stores: [4, 5, 6]))
    #expect(fixture.core.operatorSummaries(fixture.reading)[0].steps.count == 6)
  }
}
