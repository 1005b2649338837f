import Testing

/// The outcomes that TinyKV's tests of the replica checker expect, by the same numbers of regions.
struct CheckerOutcomeTests {
  @Test func replicasComeToTheEmptiestStore() throws {
    let load: [UInt64: Int] = [1: 4, 2: 3, 3: 2, 4: 1]
    let world = try OutcomeWorld(load)
    #expect(world.check(1, 2) == "add 4")
    try world.silence([4], seconds: 31 * 60)
    #expect(world.check(1, 2) == "add 3")
    try world.silence([], seconds: 1)
    #expect(world.check(1, 2) == "add 4")
    #expect(world.check(1, 2, 4) == nil)
    // Of four replicas the one on the fullest store goes, unless it leads.
    #expect(world.check(2, 1, 3, 4) == "remove 1")
    #expect(world.check(1, 2, 3, 4) == "remove 2")
    try world.removeStore(3)
    #expect(world.check(2, 3, 4) == "add 1")
  }

  @Test func replicasLeaveAStoreThatIsRemoved() throws {
    let load: [UInt64: Int] = [1: 1, 2: 2, 3: 3, 4: 4]
    let world = try OutcomeWorld(load)
    #expect(world.check(1) == "add 2")
    #expect(world.check(1, 2) == "add 3")
    #expect(world.check(1, 2, 3, 4) == "remove 4")
    try world.removeStore(3)
    #expect(world.check(1, 2, 3, 4) == "remove 3")
    #expect(world.check(1, 2, 3) == "add 4")
    let other = try OutcomeWorld(load.merging([5: 3]) { $1 })
    try other.removeStore(3)
    #expect(other.check(1, 2, 3) == "add 5")
    // Busy stores get nothing.
    try other.fixture.beat(5, busy: true)
    #expect(other.check(1, 2, 3) == "add 4")
    try other.fixture.beat(4, busy: true)
    #expect(other.check(1, 2, 3) == nil)
  }

  /// One new replica, one too many, and one that is missed.
  @Test func theCoordinatorsOutcomes() throws {
    let world = try OutcomeWorld([1: 1, 2: 2, 3: 3, 4: 4])
    #expect(world.check(2, 3) == "add 1")
    #expect(world.check(1, 2, 3, 4) == "remove 4")
  }
}
