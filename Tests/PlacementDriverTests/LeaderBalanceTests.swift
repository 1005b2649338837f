import Codec
import PlacementDriver
import Testing

struct LeaderBalanceTests {
  /// `count` regions on stores 1, 4 and 5, all led by store 1.
  private func world(_ count: Int) throws -> SimulatedStores {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    world.regions = (0..<count).map { index in
      let start = index == 0 ? "" : "k\(100 + index)"
      let end = index == count - 1 ? "" : "k\(101 + index)"
      let made = region(
        200 + UInt64(index), start, end, version: 50, conf: 5, stores: [1, 4, 5])
      return SimulatedStores.Replica(region: made, leader: 1)
    }
    return world
  }

  private func leaders(_ world: SimulatedStores) -> [Int] {
    [1, 4, 5].map { id in world.regions.filter { $0.leader == id }.count }
  }

  @Test(arguments: [2, 3, 10, 31])
  func leadersSpread(count: Int) throws {
    let world = try world(count)
    try world.run(20)
    let leaders = leaders(world)
    #expect((leaders.max() ?? 9) - (leaders.min() ?? 0) <= 1, "\(leaders)")
    let told = world.told.count
    #expect(told <= count)
    try world.run(20)
    #expect(world.told.count == told)
  }

  @Test func aLoneLeaderStays() throws {
    let world = try world(1)
    try world.run(20)
    #expect(world.told.isEmpty)
  }

  @Test func leadersComeBackWithTheirStore() throws {
    let world = try world(9)
    try world.run(20)
    world.kill(4)
    try world.run(5)
    #expect(leaders(world)[1] == 0)
    world.alive = [1, 4, 5]
    try world.run(20)
    #expect(leaders(world) == [3, 3, 3])
  }

  @Test func sickRegionsAreLeftAlone() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    for (id, start, end) in [(100, "", "m"), (101, "m", "")] as [(UInt64, String, String)] {
      let made = region(id, start, end, version: 5, conf: 5, stores: [1, 4, 5])
      try fixture.beat(made, leader: 1, pending: [4])
    }
    fixture.pass(2)
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    let healthy = region(101, "m", "", version: 5, conf: 5, stores: [1, 4, 5])
    try fixture.beat(healthy, leader: 1)
    fixture.pass(2)
    let steps = try fixture.core.tick(fixture.reading)
    #expect(steps.map(\.regionID) == [101])
    let target = healthy.peers[1]
    #expect(steps.map(\.step) == [.transferLeader(to: target, candidates: [target])])
    // The transfer does not happen: it is given up, and the region rests.
    fixture.pass(61)
    for id in [1, 4, 5] as [UInt64] { try fixture.beat(id) }
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    fixture.pass(30)
    for id in [1, 4, 5] as [UInt64] { try fixture.beat(id) }
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    fixture.pass(31)
    for id in [1, 4, 5] as [UInt64] { try fixture.beat(id) }
    #expect(try !fixture.core.tick(fixture.reading).isEmpty)
  }

  @Test func onlyAFewMoveAtATime() throws {
    let fixture = try PDFixture { $0.leaderScheduleLimit = 2 }
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    for index in 0..<10 {
      let start = index == 0 ? "" : "k\(index)"
      let end = index == 9 ? "" : "k\(index + 1)"
      let made = region(
        100 + UInt64(index), start, end, version: 20, conf: 5, stores: [1, 4, 5])
      try fixture.beat(made, leader: 1)
    }
    fixture.pass(2)
    #expect(try fixture.core.tick(fixture.reading).count == 2)
    fixture.pass(2)
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
  }

  @Test func nothingMovesBeforeLeadersAreKnown() throws {
    let world = try world(10)
    world.fixture.pass(1)
    for replica in world.regions { try world.fixture.beat(replica.region, leader: 1) }
    try world.fixture.restart()
    for id in [1, 4, 5] as [UInt64] { try world.fixture.beat(id) }
    for replica in world.regions.prefix(7) {
      try world.fixture.beat(replica.region, leader: 1)
    }
    world.fixture.pass(5)
    #expect(try world.fixture.core.tick(world.fixture.reading).isEmpty)
    try world.fixture.beat(world.regions[7].region, leader: 1)
    #expect(try !world.fixture.core.tick(world.fixture.reading).isEmpty)
  }
}
