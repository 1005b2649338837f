import Codec
import PlacementDriver
import Testing

/// The steps, times and end of one operator.
struct OperatorTests {
  private func fixture() throws -> (PDFixture, Region) {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    try fixture.put(4)
    return (fixture, Region(id: 2, epoch: .initial, peers: [PeerInfo(id: 3, storeID: 1)]))
  }

  private func change(_ step: RegionOperator?) -> (AdminCommand.ChangeType, PeerInfo)? {
    guard case .changePeer(let change) = step?.step else { return nil }
    return (change.type, change.peer)
  }

  private func status(_ fixture: PDFixture, _ id: UInt64) throws -> OperatorStatus {
    try fixture.core.operatorReport(regionID: id).status
  }

  @Test func stepsNameRegionEpochAndLeader() throws {
    let (fixture, region) = try fixture()
    let step = try #require(try fixture.beat(region, leader: 1).step)
    #expect(step.regionID == 2)
    #expect(step.epoch == .initial)
    #expect(step.leader == PeerInfo(id: 3, storeID: 1))
    let (type, peer) = try #require(change(step))
    #expect(type == .addLearnerNode)
    #expect(peer.role == .learner && peer.storeID == 4 && peer.id != 0)
  }

  /// Versions come from outside; found by a search for arithmetic on them.
  @Test(arguments: [0, 1] as [UInt64])
  func aRegionAtTheEndOfAllVersionsHasAnOperator(left: UInt64) throws {
    let (fixture, first) = try fixture()
    var region = first
    region.epoch = RegionEpoch(confVersion: .max - left, version: .max)
    let (type, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    #expect(type == .addLearnerNode)
    region.peers.append(learner)
    region.epoch.confVersion = .max
    try fixture.beat(region, leader: 1)
    try fixture.beat(region, leader: 1)
    #expect(try fixture.core.tick(fixture.reading).count <= 1)
    #expect(try fixture.region("a")?.region.id == 2)
  }

  @Test func theSameCommandIsRepeatedNotRenewed() throws {
    let (fixture, region) = try fixture()
    let first = try #require(try change(fixture.beat(region, leader: 1).step))
    for _ in 0..<3 {
      let again = try #require(try change(fixture.beat(region, leader: 1).step))
      #expect(again == first)
    }
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    fixture.pass(4)
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    fixture.pass(2)
    let pushed = try #require(try change(fixture.core.tick(fixture.reading).first))
    #expect(pushed == first)
    #expect(try fixture.core.tick(fixture.reading).isEmpty)
    #expect(fixture.core.operatorSummaries(fixture.reading).count == 1)
  }

  @Test func aPendingPeerIsWaitedFor() throws {
    let (fixture, region) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    for _ in 0..<3 { #expect(try fixture.beat(grown, leader: 1, pending: [4]).isEmpty) }
    let (type, peer) = try #require(try change(fixture.beat(grown, leader: 1).step))
    #expect(type == .addNode && peer.id == learner.id && peer.role == .voter)
    grown.peers[1].role = .voter
    grown.epoch.confVersion = 3
    #expect(try status(fixture, 2) == .running)
    #expect(try fixture.beat(grown, leader: 1).isEmpty)
    let ended = try fixture.core.operatorReport(regionID: 2)
    #expect(ended.status == .success && ended.description.contains("store 4"))
    fixture.pass(601)
    _ = try fixture.core.tick(fixture.reading)
    let error = #expect(throws: PDError.self) { try status(fixture, 2) }
    #expect(error?.refusal == .regionNotFound)
  }

  @Test func aForeignChangeCancels() throws {
    let (fixture, region) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    try fixture.put(5)
    // Someone else added a peer on store 4.
    var other = region
    other.peers.append(PeerInfo(id: 4, storeID: 4))
    other.epoch.confVersion = 2
    let (type, peer) = try #require(try change(fixture.beat(other, leader: 1).step))
    #expect(type == .addLearnerNode && peer.storeID == 5 && peer.id != learner.id)
    #expect(fixture.core.operatorSummaries(fixture.reading).count == 1)
  }

  @Test func aSplitCancels() throws {
    let (fixture, whole) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(whole, leader: 1).step))
    var left = whole
    left.endKey = key("m")
    left.epoch.version = 2
    let step = try fixture.beat(left, leader: 1).step
    let (_, next) = try #require(change(step))
    #expect(next.id != learner.id)
    #expect(step?.epoch.version == 2)
  }

  @Test func aStepOfAnOldEpochIsNotSent() throws {
    let (fixture, region) = try fixture()
    var newer = region
    newer.epoch = RegionEpoch(confVersion: 5, version: 5)
    #expect(try change(fixture.beat(newer, leader: 1).step) != nil)
    // The late report of an old leader is refused.
    let response = try fixture.beat(region, leader: 1)
    #expect(response.refusal != nil && response.step == nil)
  }

  @Test func whatTakesTooLongIsGivenUp() throws {
    let (fixture, region) = try fixture()
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
    fixture.pass(599)
    try fixture.beat(4)
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
    fixture.pass(2)
    #expect(try fixture.beat(region, leader: 1).isEmpty)
    #expect(try status(fixture, 2) == .timeout)
    // And begun again.
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
  }

  /// A report that says what never was, and the operator that it led to.
  private func contradicted(
    _ change: (inout Region) -> Void
  ) throws -> (PDFixture, Region, PDFixture.Response) {
    let fixture = try PDFixture()
    try fixture.bootstrap()
    for id in [4, 5, 6] as [UInt64] { try fixture.put(id) }
    let truth = region(100, "", "", version: 5, conf: 5, stores: [1, 4, 5])
    #expect(try fixture.beat(truth, leader: 1).isEmpty)
    var forged = truth
    change(&forged)
    #expect(try self.change(fixture.beat(forged, leader: 1).step) != nil)
    return (fixture, truth, try fixture.beat(truth, leader: 1))
  }

  @Test func aPeerThatIsThereAlreadyIsNotAdded() throws {
    let (fixture, truth, response) = try contradicted { $0.peers.removeLast() }
    #expect(response.isEmpty)
    #expect(try status(fixture, 100) == .cancel)
    for _ in 0..<3 {
      #expect(try fixture.beat(truth, leader: 1).isEmpty)
      fixture.pass(6)
      for id in [1, 4, 5, 6] as [UInt64] { try fixture.beat(id) }
      #expect(try fixture.core.tick(fixture.reading).isEmpty)
    }
  }

  @Test func aPeerThatIsNotTooManyIsNotRemoved() throws {
    let (fixture, _, response) = try contradicted {
      $0.peers.append(PeerInfo(id: 50, storeID: 6))
    }
    #expect(response.isEmpty)
    #expect(try status(fixture, 100) == .cancel)
  }

  @Test func anotherPeerOnTheSameStoreCancels() throws {
    let (fixture, _, response) = try contradicted {
      $0.peers[2] = PeerInfo(id: 9, storeID: 5, role: .learner)
    }
    #expect(response.isEmpty)
    #expect(try status(fixture, 100) == .cancel)
  }

  /// The epoch an operator was made for turns out never to have been: here a leader that no one contradicted
  /// for long took it back.
  @Test func anEpochThatWasTakenBackCancels() throws {
    let (fixture, region) = try fixture()
    var forged = region
    forged.epoch.confVersion = .max
    #expect(try change(fixture.beat(forged, leader: 1).step) != nil)
    let first = try #require(fixture.core.operatorSummaries(fixture.reading).first)
    var last = PDFixture.Response()
    for _ in 0..<4 {
      fixture.pass(60)
      for id in [1, 4] as [UInt64] { try fixture.beat(id) }
      last = try fixture.beat(region, leader: 1)
    }
    // A new one, for the region as it is.
    #expect(last.step?.epoch.confVersion == 1)
    #expect(change(last.step)?.0 == .addLearnerNode)
    let now = fixture.core.operatorSummaries(fixture.reading)
    #expect(now.count == 1 && now[0].description != first.description)
    #expect(now[0].age == .zero)
  }

  @Test func stepsThatCopyNothingHaveAMinute() throws {
    let (fixture, region) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    try fixture.restart()
    for id in [1, 4] as [UInt64] { try fixture.beat(id) }
    #expect(try change(fixture.beat(grown, leader: 1).step)?.0 == .addNode)
    fixture.pass(59)
    try fixture.beat(4)
    #expect(try change(fixture.beat(grown, leader: 1).step)?.0 == .addNode)
    fixture.pass(2)
    #expect(try fixture.beat(grown, leader: 1).isEmpty)
    #expect(try status(fixture, 2) == .timeout)
  }

  /// Of a region without a known leader no heartbeat comes that would end its operator.
  @Test func anOperatorEndsWithoutALeaderToo() throws {
    let (fixture, region) = try fixture()
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
    // The region's leader is not a member any more, says a report of a split.
    let right = Region(
      id: 2, startKey: key("m"), epoch: RegionEpoch(confVersion: 1, version: 2),
      peers: [PeerInfo(id: 4, storeID: 4)])
    var left = right
    (left.id, left.startKey, left.endKey) = (50, [], key("m"))
    left.peers[0].id = 51
    try fixture.core.reportSplit([left, right])
    for _ in 0..<8 {
      fixture.pass(100)
      for id in [1, 4] as [UInt64] { try fixture.beat(id) }
      _ = try fixture.core.tick(fixture.reading)
    }
    #expect(fixture.core.operatorSummaries(fixture.reading).isEmpty)
    #expect(try status(fixture, 2) == .timeout)
  }

  @Test func aTargetThatDiesIsGivenUp() throws {
    let (fixture, region) = try fixture()
    #expect(try change(fixture.beat(region, leader: 1).step)?.1.storeID == 4)
    try fixture.put(5)
    try fixture.core.removeStore(4, isDestroyed: true, fixture.reading)
    #expect(try change(fixture.beat(region, leader: 1).step)?.1.storeID == 5)
  }

  @Test func aLearnerOnASilentStoreGivesWay() throws {
    let (fixture, region) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    try fixture.restart()
    fixture.pass(30)
    try fixture.beat(1)
    // No one else could take its place.
    #expect(try fixture.beat(grown, leader: 1, pending: [4]).isEmpty)
    try fixture.put(5)
    let (type, peer) = try #require(try change(fixture.beat(grown, leader: 1, pending: [4]).step))
    #expect(type == .removeNode && peer.id == learner.id)
  }

  @Test func aJointStateIsLeft() throws {
    let (fixture, _) = try fixture()
    var joint = region(100, "", "", version: 2, conf: 4, stores: [1, 4, 5])
    try fixture.put(5)
    joint.peers[1].role = .incomingVoter
    joint.peers[2].role = .demotingVoter
    #expect(try fixture.beat(joint, leader: 1).step?.step == .changePeerV2([]))
  }

  @Test func anUnknownStoreIsLeftAlone() throws {
    let (fixture, _) = try fixture()
    try fixture.put(5)
    let strange = region(100, "", "", version: 2, conf: 2, stores: [1, 77])
    #expect(try fixture.beat(strange, leader: 1).isEmpty)
  }

  @Test func busyAndSilentStoresGetNothing() throws {
    let (fixture, region) = try fixture()
    try fixture.beat(4, busy: true)
    #expect(try fixture.beat(region, leader: 1).isEmpty)
    try fixture.beat(4)
    fixture.pass(25)
    #expect(try fixture.beat(region, leader: 1).isEmpty)
    try fixture.beat(4)
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
  }

  /// Each step has its own time: a slow first one takes nothing from the next.
  @Test func everyStepHasItsOwnTime() throws {
    let (fixture, region) = try fixture()
    let (_, learner) = try #require(try change(fixture.beat(region, leader: 1).step))
    var grown = region
    grown.peers.append(learner)
    grown.epoch.confVersion = 2
    fixture.pass(590)
    for id in [1, 4] as [UInt64] { try fixture.beat(id) }
    #expect(try change(fixture.beat(grown, leader: 1).step)?.0 == .addNode)
    fixture.pass(59)
    try fixture.beat(4)
    #expect(try change(fixture.beat(grown, leader: 1).step)?.0 == .addNode)
    fixture.pass(2)
    #expect(try fixture.beat(grown, leader: 1).isEmpty)
    #expect(try status(fixture, 2) == .timeout)
  }

  @Test func aLargeRegionHasMoreTime() throws {
    let (fixture, region) = try fixture()
    #expect(try change(fixture.beat(region, leader: 1, size: 200 << 20).step) != nil)
    fixture.pass(1199)
    try fixture.beat(4)
    #expect(try change(fixture.beat(region, leader: 1, size: 200 << 20).step) != nil)
    fixture.pass(2)
    #expect(try fixture.beat(region, leader: 1, size: 200 << 20).isEmpty)
    #expect(try status(fixture, 2) == .timeout)
  }

  @Test func scatteringIsAccepted() throws {
    let (fixture, _) = try fixture()
    #expect(try fixture.core.scatterRegions([2], fixture.reading).isEmpty)
    #expect(try fixture.core.scatterRegions([2, 3], fixture.reading) == [3])
    try fixture.core.scatterRegion(2, fixture.reading)
    let error = #expect(throws: PDError.self) {
      try fixture.core.scatterRegion(3, fixture.reading)
    }
    #expect(error?.refusal == .regionNotFound)
  }

  @Test func endedOperatorsAreListedWithTheirReason() throws {
    let (fixture, region) = try fixture()
    #expect(try change(fixture.beat(region, leader: 1).step) != nil)
    let running = try #require(fixture.core.operatorSummaries(fixture.reading).first)
    #expect(running.name == "make-up-replica" && running.kind == "replica,region")
    #expect(running.reason == "a voter is missing" && running.current == 0)
    #expect(running.createdAt == fixture.reading.wallMilliseconds && running.endedAt == nil)
    fixture.pass(10)
    try fixture.core.cancelOperator(regionID: 2, fixture.reading)
    #expect(throws: PDError.self) {
      try fixture.core.cancelOperator(regionID: 2, fixture.reading)
    }
    let ended = try #require(fixture.core.operatorHistory(fixture.reading).first)
    #expect(ended.status == .cancel && ended.age == .seconds(10))
    #expect(ended.endedAt == fixture.reading.wallMilliseconds)
    let later = fixture.reading.wallMilliseconds + 1
    #expect(fixture.core.operatorHistory(since: later, fixture.reading).isEmpty)
  }
}
