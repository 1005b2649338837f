import Codec
import PlacementDriver
import Testing
import Wire

/// One operator under the microscope.
struct OperatorTests {
  private func bench() throws -> (Bench, Region) {
    let bench = try Bench()
    try bench.bootstrap()
    try bench.put(4)
    return (bench, Region(id: 2, epoch: .initial, peers: [Peer(id: 3, storeID: 1)]))
  }

  private func change(_ replies: [HeartbeatReply]) throws -> (Eraftpb_ConfChangeType, Peer)? {
    guard let response = replies.first?.response, response.hasChangePeer else { return nil }
    return (response.changePeer.changeType, try Peer(response.changePeer.peer))
  }

  private func status(_ bench: Bench, _ id: UInt64) throws -> Pdpb_GetOperatorResponse {
    try bench.driver.getOperator(
      .with {
        $0.header = bench.header
        $0.regionID = id
      }, bench.moment)
  }

  @Test func commandsNameRegionEpochAndLeader() throws {
    let (bench, region) = try bench()
    let replies = try bench.beat(region, leader: 1)
    #expect(replies.count == 1 && replies[0].storeID == 1)
    let response = try #require(replies.first?.response)
    #expect(response.header.clusterID == Bench.clusterID && !response.header.hasError)
    #expect(response.regionID == 2)
    #expect(RegionEpoch(response.regionEpoch) == .initial)
    #expect(response.targetPeer.id == 3)
    #expect(response.changePeer.changeType == .addLearnerNode)
    #expect(response.changePeer.peer.role == .learner)
    #expect(response.changePeer.peer.storeID == 4)
    #expect(response.changePeer.peer.id != 0)
  }

  /// Versions come from outside; found by a search for arithmetic on them.
  @Test(arguments: [0, 1] as [UInt64])
  func aRegionAtTheEndOfAllVersionsHasAnOperator(left: UInt64) throws {
    let (bench, first) = try bench()
    var region = first
    region.epoch = RegionEpoch(confVersion: .max - left, version: .max)
    let (type, learner) = try #require(try change(bench.beat(region, leader: 1)))
    #expect(type == .addLearnerNode)
    region.peers.append(learner)
    region.epoch.confVersion = .max
    try bench.beat(region, leader: 1)
    try bench.beat(region, leader: 1)
    #expect(try bench.driver.tick(bench.moment).count <= 1)
    #expect(try bench.region("a").region.id == 2)
  }

  @Test func theSameCommandIsRepeatedNotRenewed() throws {
    let (bench, region) = try bench()
    let first = try #require(try change(bench.beat(region, leader: 1)))
    for _ in 0..<3 {
      let again = try #require(try change(bench.beat(region, leader: 1)))
      #expect(again == first)
    }
    #expect(try bench.driver.tick(bench.moment).isEmpty)
    bench.pass(4)
    #expect(try bench.driver.tick(bench.moment).isEmpty)
    bench.pass(2)
    let pushed = try #require(try change(bench.driver.tick(bench.moment)))
    #expect(pushed == first)
    #expect(try bench.driver.tick(bench.moment).isEmpty)
    #expect(bench.driver.operatorSummaries(bench.moment).count == 1)
  }

  @Test func aPendingPeerIsWaitedFor() throws {
    let (bench, region) = try bench()
    let (_, learner) = try #require(try change(bench.beat(region, leader: 1)))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    for _ in 0..<3 { #expect(try bench.beat(grown, leader: 1, pending: [4]).isEmpty) }
    let (type, peer) = try #require(try change(bench.beat(grown, leader: 1)))
    #expect(type == .addNode && peer.id == learner.id && peer.role == .voter)
    grown.peers[1].role = .voter
    grown.epoch.confVersion = 3
    #expect(try status(bench, 2).status == .running)
    #expect(try bench.beat(grown, leader: 1).isEmpty)
    let ended = try status(bench, 2)
    #expect(ended.status == .success)
    #expect(String(decoding: ended.desc, as: UTF8.self).contains("store 4"))
    bench.pass(601)
    _ = try bench.driver.tick(bench.moment)
    #expect(try status(bench, 2).header.error.type == .regionNotFound)
  }

  @Test func aForeignChangeCancels() throws {
    let (bench, region) = try bench()
    let (_, learner) = try #require(try change(bench.beat(region, leader: 1)))
    try bench.put(5)
    // Somebody else added a peer on store 4.
    var other = region
    other.peers.append(Peer(id: learner.id + 1000, storeID: 4))
    other.epoch.confVersion = 2
    let (type, peer) = try #require(try change(bench.beat(other, leader: 1)))
    #expect(type == .addLearnerNode && peer.storeID == 5 && peer.id != learner.id)
    #expect(bench.driver.operatorSummaries(bench.moment).count == 1)
  }

  @Test func aSplitCancels() throws {
    let (bench, whole) = try bench()
    let (_, learner) = try #require(try change(bench.beat(whole, leader: 1)))
    var left = whole
    left.endKey = key("m")
    left.epoch.version = 2
    let replies = try bench.beat(left, leader: 1)
    let (_, next) = try #require(try change(replies))
    #expect(next.id != learner.id)
    #expect(replies[0].response.regionEpoch.version == 2)
  }

  @Test func aCommandOfAnOldEpochIsNotSent() throws {
    let (bench, region) = try bench()
    var newer = region
    newer.epoch = RegionEpoch(confVersion: 5, version: 5)
    #expect(try change(bench.beat(newer, leader: 1)) != nil)
    // The late report of an old leader gets an error and no command.
    let replies = try bench.beat(region, leader: 1)
    #expect(replies.map(\.response.header.hasError) == [true])
    #expect(try change(replies) == nil)
  }

  @Test func whatTakesTooLongIsGivenUp() throws {
    let (bench, region) = try bench()
    #expect(try change(bench.beat(region, leader: 1)) != nil)
    bench.pass(599)
    try bench.beat(4)
    #expect(try change(bench.beat(region, leader: 1)) != nil)
    bench.pass(2)
    #expect(try bench.beat(region, leader: 1).isEmpty)
    #expect(try status(bench, 2).status == .timeout)
    // And begun again.
    #expect(try change(bench.beat(region, leader: 1)) != nil)
  }

  @Test func aTargetThatDiesIsGivenUp() throws {
    let (bench, region) = try bench()
    #expect(try change(bench.beat(region, leader: 1))?.1.storeID == 4)
    try bench.put(5)
    try bench.driver.removeStore(4, isDestroyed: true, bench.moment)
    #expect(try change(bench.beat(region, leader: 1))?.1.storeID == 5)
  }

  @Test func aLearnerOnASilentStoreGivesWay() throws {
    let (bench, region) = try bench()
    let (_, learner) = try #require(try change(bench.beat(region, leader: 1)))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    try bench.restart()
    bench.pass(30)
    try bench.beat(1)
    // Nobody else could take its place.
    #expect(try bench.beat(grown, leader: 1, pending: [4]).isEmpty)
    try bench.put(5)
    let (type, peer) = try #require(try change(bench.beat(grown, leader: 1, pending: [4])))
    #expect(type == .removeNode && peer.id == learner.id)
  }

  @Test func aJointStateIsLeft() throws {
    let (bench, _) = try bench()
    var joint = region(100, "", "", version: 2, conf: 4, stores: [1, 4, 5])
    try bench.put(5)
    joint.peers[1].role = .incomingVoter
    joint.peers[2].role = .demotingVoter
    let response = try #require(try bench.beat(joint, leader: 1).first?.response)
    #expect(response.hasChangePeerV2 && response.changePeerV2.changes.isEmpty)
  }

  @Test func anUnknownStoreIsLeftAlone() throws {
    let (bench, _) = try bench()
    try bench.put(5)
    let strange = region(100, "", "", version: 2, conf: 2, stores: [1, 77])
    #expect(try bench.beat(strange, leader: 1).isEmpty)
  }

  @Test func busyAndSilentStoresGetNothing() throws {
    let (bench, region) = try bench()
    try bench.beat(4, busy: true)
    #expect(try bench.beat(region, leader: 1).isEmpty)
    try bench.beat(4)
    bench.pass(25)
    #expect(try bench.beat(region, leader: 1).isEmpty)
    try bench.beat(4)
    #expect(try change(bench.beat(region, leader: 1)) != nil)
  }

  @Test func scatteringIsAccepted() throws {
    let (bench, _) = try bench()
    func scatter(_ ids: [UInt64]) throws -> Pdpb_ScatterRegionResponse {
      try bench.driver.scatterRegion(
        .with {
          $0.header = bench.header
          $0.regionsID = ids
        }, bench.moment)
    }
    #expect(try scatter([2]).finishedPercentage == 100)
    let half = try scatter([2, 3])
    #expect(half.finishedPercentage == 50 && half.failedRegionsID == [3])
    #expect(try scatter([]).header.error.type == .regionNotFound)
  }
}
