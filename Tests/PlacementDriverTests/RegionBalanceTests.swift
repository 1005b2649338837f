import Codec
import Testing

@testable import PlacementDriver

struct RegionBalanceTests {
  /// Regions of the given MiB on stores 1, 4 and 5, and an empty store 6.
  private func world(_ sizes: [UInt64]) throws -> SimulatedStores {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    world.regions = sizes.enumerated().map { index, size in
      let start = index == 0 ? "" : "k\(100 + index)"
      let end = index == sizes.count - 1 ? "" : "k\(101 + index)"
      let made = region(200 + UInt64(index), start, end, version: 50, conf: 5, stores: [1, 4, 5])
      return SimulatedStores.Replica(region: made, leader: 1, size: size << 20)
    }
    try world.fixture.core.setLimit(nil, rate: StoreLimits.unlimited, direction: nil)
    return world
  }

  private func mebibytes(_ world: SimulatedStores) -> [UInt64: UInt64] {
    var sizes: [UInt64: UInt64] = [1: 0, 4: 0, 5: 0, 6: 0]
    for replica in world.regions {
      for peer in replica.region.peers { sizes[peer.storeID, default: 0] += replica.size >> 20 }
    }
    return sizes
  }

  /// Few large regions and many small ones: sizes are spread, not numbers.
  @Test func replicasSpreadBySize() throws {
    let world = try world(Array(repeating: 96, count: 8) + Array(repeating: 4, count: 24))
    try world.run(60)
    let sizes = mebibytes(world)
    let most = try #require(sizes.values.max())
    let least = try #require(sizes.values.min())
    #expect(most - least <= 2 * 96, "\(sizes)")
    let told = world.told.count
    try world.run(30)
    #expect(world.told.count == told, "a balanced cluster is left alone")
  }

  @Test func aStoreOfHalfTheWeightGetsHalfAsMuch() throws {
    let world = try world(Array(repeating: 10, count: 28))
    try world.fixture.core.setWeights(6, leader: 1, region: 0.5)
    try world.run(80)
    let sizes = mebibytes(world)
    #expect(sizes.filter { $0.key != 6 }.values.allSatisfy { (220...260).contains($0) }, "\(sizes)")
    #expect((100...140).contains(sizes[6] ?? 0), "\(sizes)")
  }

  @Test func theToleranceLeavesSmallDifferences() throws {
    let world = try world(Array(repeating: 10, count: 6))
    try world.fixture.core.set([("tolerant-size-ratio", "10")])
    try world.run(30)
    #expect(!world.told.contains { $0.hasPrefix("learner") })
    try world.fixture.core.set([("tolerant-size-ratio", "0")])
    try world.run(30)
    #expect(world.told.contains { $0.hasPrefix("learner on 6") })
  }

  @Test func aFullStoreScoresHigh() throws {
    func score(used: UInt64, available: UInt64) -> Double {
      var record = StoreRecord(StoreInfo(id: 1, address: "a"), at: .init(nanoseconds: 0))
      record.heartbeat = StoreHeartbeat(
        storeID: 1, capacity: 1000 << 30, available: available << 30, usedSize: used << 30)
      return StoreScore(record, plannedBytes: 100 * Double(1 << 30), lowSpaceRatio: 0.8).score()
    }
    let scores = [
      score(used: 0, available: 1000), score(used: 300, available: 700),
      score(used: 700, available: 300), score(used: 850, available: 150),
      score(used: 990, available: 10),
    ]
    #expect(scores == scores.sorted() && Set(scores).count == scores.count, "\(scores)")
    #expect(scores[3] > 1000 * scores[0])
  }

  /// The new replica is on a store that is silent, though no peer of it is reported as down yet: the old replica stays.
  @Test func aMoveWaitsForTheStoreOfItsNewPeer() throws {
    let world = try world(Array(repeating: 10, count: 6))
    world.catchUp = false
    for _ in 0..<20 where !world.told.contains(where: { $0.hasPrefix("learner on 6") }) {
      try world.run(1)
    }
    #expect(world.told.contains { $0.hasPrefix("learner on 6") })
    world.kill(6)
    try world.run(3)
    world.catchUp = true
    try world.run(10)
    for index in world.regions.indices {
      #expect(Set(world.voters(index)).isSuperset(of: [1, 4, 5]), "\(world.told)")
    }
  }

  @Test func regionsScatterByGroup() throws {
    let world = try world(Array(repeating: 0, count: 12))
    for name in ["balance-leader-scheduler", "balance-region-scheduler"] {
      try world.fixture.core.removeScheduler(name)
    }
    try world.run(1)
    let ids = world.regions.map(\.region.id)
    #expect(try world.fixture.core.scatterRegions(ids, group: "t", world.fixture.reading).isEmpty)
    try world.run(30)
    var peers: [UInt64: Int] = [:]
    var leaders: [UInt64: Int] = [:]
    for replica in world.regions {
      for peer in replica.region.peers { peers[peer.storeID, default: 0] += 1 }
      leaders[replica.leader, default: 0] += 1
    }
    #expect([1, 4, 5, 6].allSatisfy { (8...10).contains(peers[$0] ?? 0) }, "\(peers)")
    #expect([1, 4, 5, 6].allSatisfy { (2...4).contains(leaders[$0] ?? 0) }, "\(leaders)")
  }
}
