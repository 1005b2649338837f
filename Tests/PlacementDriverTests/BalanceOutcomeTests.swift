import Testing

/// The outcomes that TinyKV's tests of balancing expect, by the same numbers of regions. Where a limit of ours is another
/// one, it is set to TinyKV's.
struct BalanceOutcomeTests {
  @Test func oneReplicaMovesToTheEmptiestStore() throws {
    let load: [UInt64: Int] = [1: 6, 2: 8, 3: 8, 4: 15]
    let world = try OutcomeWorld(load, maxReplicas: 1)
    try world.add([4])
    #expect(world.move() == "4->1")
    // A region that lacks replicas is not moved.
    let three = try OutcomeWorld(load, maxReplicas: 3)
    try three.add([4])
    #expect(three.move() == nil)
    // Store 1 is being removed.
    let without = try OutcomeWorld([1: 6, 2: 6, 3: 8, 4: 15], maxReplicas: 1)
    try without.add([4])
    try without.removeStore(1)
    #expect(without.move() == "4->2")
  }

  @Test func oneOfThreeReplicasMoves() throws {
    func move(_ more: [UInt64: Int], silent: Set<UInt64> = []) throws -> String? {
      let load: [UInt64: Int] = [1: 15, 2: 14, 3: 13]
      let world = try OutcomeWorld(load.merging(more) { $1 })
      try world.add([1, 2, 3])
      try world.silence(silent, seconds: 31 * 60)
      return world.move()
    }
    #expect(try move([:]) == nil)
    #expect(try move([4: 2]) == "1->4")
    #expect(try move([4: 2, 5: 1]) == "1->5")
    #expect(try move([4: 2, 5: 1, 6: 0]) == "1->6")
    #expect(try move([4: 2, 5: 1, 6: 0], silent: [6]) == "1->5")
    #expect(try move([4: 2, 5: 1, 6: 0, 7: 20], silent: [4, 5, 6]) == nil)
  }

  @Test func oneOfFiveReplicasMoves() throws {
    func move(_ more: [UInt64: Int], _ stores: [UInt64]) throws -> String? {
      let load: [UInt64: Int] = [1: 4, 2: 5, 3: 6, 4: 7, 5: 28]
      let world = try OutcomeWorld(load.merging(more) { $1 }, maxReplicas: 5)
      try world.add(stores)
      return world.move()
    }
    #expect(try move([6: 1], [1, 2, 3, 4, 5]) == "5->6")
    #expect(try move([6: 1, 7: 5], [1, 2, 3, 4, 5]) == "5->6")
    #expect(try move([6: 1, 7: 5], [2, 3, 4, 5, 6]) == "5->1")
    let far: [UInt64: Int] = [6: 1, 7: 5, 11: 29, 12: 8, 13: 7]
    #expect(try move(far, [2, 3, 11, 12, 13]) == "11->6")
  }

  /// TinyKV moves a pending replica first. Here a region whose replicas are not complete stays as it is.
  @Test func aRegionWithAPendingReplicaStays() throws {
    let world = try OutcomeWorld([1: 15, 2: 7, 3: 14, 4: 5])
    try world.add([2, 1, 3], pending: [1])
    #expect(world.move() == nil)
    try world.add([1, 2, 3])
    #expect(world.move() == "1->4")
  }

  // MARK: Leaders

  /// Leaders on stores 1 to 4, of which some lead the regions that may be led by others.
  private func transfer(
    _ leaders: [Int], _ regions: [[UInt64]], ratio: Double = 5,
    _ change: (OutcomeWorld) throws -> Void = { _ in }
  ) throws -> String? {
    var load: [UInt64: Int] = [:]
    for store in 1...4 as ClosedRange<UInt64> {
      load[store] = leaders[Int(store) - 1] - regions.count { $0[0] == store }
    }
    let world = try OutcomeWorld(load) { $0.tolerantSizeRatio = ratio }
    for region in regions { try world.add(region) }
    try change(world)
    return world.transfer()
  }

  @Test func leadersMoveWhenStoresDifferByTen() throws {
    #expect(try transfer([1, 0, 0, 0], [[1, 2, 3, 4]]) == nil)
    #expect(try transfer([16, 0, 0, 0], [[1, 2, 3, 4]]) == "1->2")
    #expect(try transfer([7, 8, 9, 10], [[4, 1, 2, 3]]) == nil)
    #expect(try transfer([7, 8, 9, 18], [[4, 1, 2, 3]]) == "4->1")
    #expect(try transfer([10, 10, 10, 10], [[1, 2, 3, 4]]) == nil)
    #expect(try transfer([14, 10, 10, 10], [[1, 2, 3, 4]]) == nil)
    #expect(try transfer([21, 10, 10, 10], [[1, 2, 3, 4]]) == "1->2")
    // Without the tolerance a difference of two is enough.
    #expect(try transfer([12, 10, 10, 10], [[1, 2, 3, 4]], ratio: 0) == "1->2")
  }

  @Test func storesThatAreDownOrBusyGetNoLeaders() throws {
    let region: [UInt64] = [4, 1, 2, 3]
    #expect(try transfer([1, 2, 3, 16], [region]) == "4->1")
    let silent = try transfer([1, 2, 3, 16], [region]) {
      try $0.silence([1], seconds: 31 * 60)
    }
    #expect(silent == "4->2")
    let busy = try transfer([1, 2, 3, 16], [region]) {
      try $0.silence([1], seconds: 31 * 60)
      try $0.fixture.beat(2, busy: true)
    }
    #expect(busy == "4->3")
    let none = try transfer([1, 2, 3, 16], [region]) {
      try $0.silence([1, 3], seconds: 25)
      try $0.fixture.beat(2, busy: true)
    }
    #expect(none == nil)
  }

  @Test func theLeaderOfTheFullestStoreMoves() throws {
    #expect(try transfer([1, 2, 3, 16], [[4, 2, 3], [3, 1, 2]]) == "4->2")
    #expect(try transfer([1, 14, 15, 16], [[4, 2, 3], [3, 1, 2]]) == "3->1")
    #expect(try transfer([1, 2, 15, 16], [[3, 2, 4], [1, 2, 3]]) == "3->2")
    #expect(try transfer([10, 10, 10, 10], [[3, 2, 4], [1, 2, 3]]) == nil)
    #expect(try transfer([11, 13, 0, 16], [[4, 2, 3], [1, 2, 3]]) == "4->3")
  }

  /// The coordinator's: a region whose replica is on the fullest store, and one that it leads.
  @Test func theCoordinatorsMoves() throws {
    let load: [UInt64: Int] = [1: 10, 2: 19, 3: 29, 4: 39]
    let world = try OutcomeWorld(load)
    try world.add([2, 3, 4])
    #expect(world.move() == "4->1")
    #expect(try transfer([10, 20, 30, 50], [[4, 3, 2]]) == "4->2")
  }
}
