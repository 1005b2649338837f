import Codec
import Testing

@testable import PlacementDriver

struct LocationTests {
  private func info(_ id: UInt64, _ zone: String, _ rack: String, _ host: String) -> StoreInfo {
    StoreInfo(
      id: id, address: "s\(id)",
      labels: [("zone", zone), ("rack", rack), ("host", host)].filter { !$0.1.isEmpty }
        .map { StoreInfo.Label(key: $0.0, value: $0.1) })
  }

  private let labels = ["zone", "rack", "host"]

  @Test func widerApartIsBetter() {
    let store = info(1, "z1", "r1", "h1")
    func score(_ others: StoreInfo...) -> Double { LocationScore.distinct(labels, store, others) }
    #expect(score(info(2, "z2", "r1", "h1")) == 10_000)
    #expect(score(info(2, "z1", "r2", "h1")) == 100)
    #expect(score(info(2, "z1", "r1", "h2")) == 1)
    #expect(score(info(2, "z1", "r1", "h1")) == 0)
    #expect(score(info(2, "z2", "", ""), info(3, "z1", "r2", "h")) == 10_100)
    #expect(score(store) == 0)
    #expect(LocationScore.distinct([], store, [info(2, "z2", "r", "h")]) == 0)
    // A missing label equals a missing one only.
    #expect(LocationScore.distinct(labels, info(1, "", "", ""), [info(2, "", "", "")]) == 0)
    #expect(LocationScore.distinct(labels, info(1, "", "", ""), [info(2, "z", "", "")]) == 10_000)
  }

  @Test func theIsolationLevelIsTheLocationDownToIt() {
    let store = info(1, "z1", "r1", "h1")
    func shares(_ level: String, _ other: StoreInfo) -> Bool {
      LocationScore.sharesLocation(labels, level: level, store, [other])
    }
    #expect(shares("zone", info(2, "z1", "r2", "h2")))
    #expect(!shares("rack", info(2, "z1", "r2", "h2")))
    #expect(!shares("rack", info(2, "z2", "r1", "h1")))
    #expect(!shares("none", info(2, "z1", "r1", "h1")))
  }

  /// Six stores in three zones.
  private func world() throws -> SimulatedStores {
    let world = try SimulatedStores(PDFixture(), stores: [1, 2, 4, 5, 6, 7])
    let zones: [UInt64: String] = [1: "a", 2: "a", 4: "a", 5: "b", 6: "b", 7: "c"]
    for (id, zone) in zones.sorted(by: { $0.key < $1.key }) {
      try world.fixture.core.setLabels(id, [.init(key: "zone", value: zone)])
    }
    try world.fixture.core.set([("location-labels", "zone")])
    return world
  }

  @Test func newReplicasGoToOtherZones() throws {
    let world = try world()
    try world.run(10)
    #expect(world.voters().first == 1 && world.voters().last == 7)
    #expect([5, 6].contains(world.voters()[1]))
    let told = world.told.count
    try world.run(20)
    #expect(world.told.count == told)
  }

  @Test func badlyPlacedReplicasMove() throws {
    let world = try world()
    world.regions[0].region = region(100, "", "", version: 2, conf: 9, stores: [1, 2, 4])
    try world.run(30)
    #expect(world.voters().count == 3 && world.stores().count == 3)
    let zones = world.stores().map { $0 <= 4 ? "a" : $0 <= 6 ? "b" : "c" }
    #expect(Set(zones) == ["a", "b", "c"])
    #expect(
      world.fixture.core.operatorHistory(world.fixture.reading).contains {
        $0.name == "move-to-better-location"
      })
  }

  @Test func placementStaysWhenItIsTurnedOff() throws {
    let world = try world()
    try world.fixture.core.set([("schedule.enable-location-replacement", "false")])
    world.regions[0].region = region(100, "", "", version: 2, conf: 9, stores: [1, 2, 4])
    try world.run(30)
    #expect(world.stores() == [1, 2, 4])
  }

  @Test func anIsolationLevelLeavesReplicasMissing() throws {
    let world = try world()
    try world.fixture.core.set([("isolation-level", "zone")])
    try world.fixture.core.setReplicaCount(5)
    try world.run(20)
    #expect(world.voters().count == 3)
    try world.fixture.core.set([("isolation-level", "")])
    try world.run(20)
    #expect(world.voters().count == 5)
  }
}
