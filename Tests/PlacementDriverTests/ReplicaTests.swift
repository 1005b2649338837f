import Codec
import PlacementDriver
import Testing

/// What becomes of a cluster whose stores do as they are told.
struct ReplicaTests {
  @Test func oneReplicaBecomesThreeLearnersFirst() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    try world.run(8)
    #expect(world.voters() == [1, 4, 5])
    #expect(world.told == ["learner on 4", "voter on 4", "learner on 5", "voter on 5"])
    try world.run(20)
    #expect(world.told.count == 4)
    #expect(world.fixture.core.operatorSummaries(world.fixture.reading).isEmpty)
  }

  @Test func aLearnerThatLagsIsNotPromoted() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4])
    world.catchUp = false
    try world.run(20)
    #expect(world.told == ["learner on 4"])
    world.catchUp = true
    try world.run(2)
    #expect(world.voters() == [1, 4])
  }

  @Test func twoStoresGetTwoReplicas() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4])
    try world.run(30)
    #expect(world.stores() == [1, 4])
    #expect(world.voters() == [1, 4])
    try world.start(5)
    try world.run(5)
    #expect(world.voters() == [1, 4, 5])
  }

  @Test func aSilentStoreIsGivenTime() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    try world.run(10)
    #expect(world.voters() == [1, 4, 5])
    world.kill(5)
    try world.run(170)
    #expect(world.voters() == [1, 4, 5])
    world.alive = [1, 4, 5, 6]
    try world.run(30)
    #expect(world.voters() == [1, 4, 5])
  }

  @Test func aDeadStoreIsReplacedBeforeItIsRemoved() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    try world.run(10)
    world.told = []
    world.kill(5)
    try world.run(200)
    #expect(world.stores() == [1, 4, 6])
    #expect(world.told == ["learner on 6", "voter on 6", "remove from 5"])
  }

  @Test func aDeadLeaderIsReplacedToo() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    try world.run(10)
    #expect(world.regions[0].leader == 1)
    world.kill(1)
    try world.run(200)
    #expect(world.stores() == [4, 5, 6])
    #expect(world.regions[0].leader != 1)
  }

  @Test func withoutASpareTheDeadKeepsItsPlace() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    try world.run(10)
    world.kill(5)
    try world.run(400)
    #expect(world.stores() == [1, 4, 5])
    try world.start(6)
    try world.run(5)
    #expect(world.stores() == [1, 4, 6])
  }

  @Test func aWipedStoreAtTheSameAddressTakesOver() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    try world.run(10)
    world.kill(5)
    try world.run(1)
    try world.start(9, address: "127.0.0.1:20165")
    try world.run(8)
    #expect(world.voters() == [1, 4, 9])
    #expect(world.stores() == [1, 4, 9])
    #expect(try world.fixture.info(5).state == .tombstone)
  }

  @Test func aRemovedStoreIsEmptiedEvenWhereItLeads() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    try world.run(10)
    world.told = []
    try world.fixture.core.removeStore(1, isDestroyed: false, world.fixture.reading)
    try world.run(8)
    #expect(world.stores() == [4, 5, 6])
    #expect(
      world.told == ["learner on 6", "voter on 6", "transfer to 4", "remove from 1"])
    // It reports one last time, then it is notified that it is over.
    #expect(try world.fixture.info(1).state == .tombstone)
  }

  /// The store lives and reports; only its peer does not respond.
  @Test func aPeerThatIsDownOnALiveStoreIsReplaced() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    try world.run(10)
    #expect(world.voters() == [1, 4, 5])
    world.told = []
    world.silence(4, of: 0)
    try world.run(170)
    #expect(world.told.isEmpty, "it is given as much time as a store")
    try world.run(20)
    #expect(world.voters() == [1, 5, 6] && world.stores() == [1, 5, 6])
    #expect(world.told == ["learner on 6", "voter on 6", "remove from 4"])
  }

  @Test func withoutASpareStoreADownPeerIsRebuiltOnItsOwn() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    try world.run(10)
    let old = try #require(world.regions[0].region.peer(onStore: 4))
    world.told = []
    world.silence(4, of: 0)
    try world.run(200)
    #expect(world.voters() == [1, 4, 5] && world.stores() == [1, 4, 5])
    #expect(world.told == ["remove from 4", "learner on 4", "voter on 4"])
    #expect(world.regions[0].region.peer(onStore: 4)?.id != old.id)
  }

  /// Two of three do not respond well: nothing is removed before the others follow.
  @Test func aDownPeerStaysWhileAnotherLags() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5] as [UInt64] { try fixture.put(id) }
    let whole = region(100, "", "", version: 2, conf: 5, stores: [1, 4, 5])
    func report(pending: [PeerInfo]) throws -> RegionOperator? {
      try fixture.beat(
        RegionHeartbeat(
          region: whole, leader: whole.peers[0], term: 6, pendingPeers: pending,
          downPeers: [DownPeer(peer: whole.peers[1], seconds: 1800)])
      ).step
    }
    #expect(try report(pending: [whole.peers[2]]) == nil)
    #expect(
      try report(pending: [])?.step == .changePeer(.init(type: .removeNode, peer: whole.peers[1])))
  }

  @Test func aLearnerThatNeverCatchesUpIsReplacedOnAnotherStore() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
    world.stuck = [4]
    try world.run(80)
    #expect(world.voters() == [1, 5, 6])
    // What lags on the first store is removed once no voter is missing.
    #expect(world.stores() == [1, 5, 6])
    #expect(world.told.first == "learner on 4" && world.told.last == "remove from 4")
  }

  @Test func aLearnerThatNeverCatchesUpIsMadeAnewWithoutAnotherStore() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4])
    world.stuck = [4]
    try world.run(65)
    #expect(Array(world.told.prefix(3)) == ["learner on 4", "remove from 4", "learner on 4"])
    world.stuck = []
    try world.run(5)
    #expect(world.voters() == [1, 4])
  }

  @Test func extraReplicasAreRemoved() throws {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    let four = region(100, "", "", version: 2, conf: 6, stores: [1, 4, 5, 6])
    let step = try #require(try fixture.beat(four, leader: 6, pending: [4]).step)
    // The one that lags is missed least.
    #expect(step.step == .changePeer(.init(type: .removeNode, peer: four.peers[1])))
    #expect(step.leader.storeID == 6)
  }

  @Test func fewerReplicasWhenAsked() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    try world.run(8)
    try world.fixture.core.setReplicaCount(1)
    try world.run(6)
    #expect(world.stores() == [1])
  }

  @Test func manyRegionsReachThreeReplicasSpreadEvenly() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6, 7])
    world.regions = (0..<20).map { index in
      let start = index == 0 ? "" : "k\(Character(UnicodeScalar(97 + UInt8(index))))"
      let end = index == 19 ? "" : "k\(Character(UnicodeScalar(98 + UInt8(index))))"
      return SimulatedStores.Replica(
        region: region(100 + UInt64(index), start, end, version: 21), leader: 1)
    }
    try world.run(60)
    var peers: [UInt64: Int] = [:]
    var leaders: [UInt64: Int] = [:]
    for (index, replica) in world.regions.enumerated() {
      #expect(world.voters(index).count == 3)
      for id in world.stores(index) { peers[id, default: 0] += 1 }
      leaders[replica.leader, default: 0] += 1
    }
    #expect(peers.values.max().map { $0 <= 13 } == true, "\(peers)")
    #expect(peers.values.min().map { $0 >= 11 } == true, "\(peers)")
    #expect(leaders.count == 5 && leaders.values.allSatisfy { (3...5).contains($0) }, "\(leaders)")
    let told = world.told.count
    try world.run(30)
    #expect(world.told.count == told, "a balanced cluster is left alone")
  }

  @Test func aRestartOfPDLosesNoWork() throws {
    let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5])
    world.catchUp = false
    try world.run(2)
    #expect(world.told == ["learner on 4"])
    try world.fixture.restart(lossy: true)
    world.catchUp = true
    try world.run(8)
    #expect(world.voters() == [1, 4, 5])
    #expect(world.told == ["learner on 4", "voter on 4", "learner on 5", "voter on 5"])
  }

  @Test func sameCallsSameResponses() throws {
    func play() throws -> [String] {
      let world = try SimulatedStores(PDFixture(), stores: [1, 4, 5, 6])
      world.regions = (0..<10).map { index in
        SimulatedStores.Replica(
          region: region(
            100 + UInt64(index), index == 0 ? "" : "k\(index)", index == 9 ? "" : "k\(index + 1)",
            version: 11), leader: 1)
      }
      try world.run(20)
      world.kill(4)
      try world.run(200)
      return world.told
    }
    let first = try play()
    #expect(first.count > 30)
    #expect(try play() == first)
  }
}
