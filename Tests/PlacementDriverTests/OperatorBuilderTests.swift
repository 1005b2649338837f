import Codec
import Testing

@testable import PlacementDriver

struct OperatorBuilderTests {
  private func build(
    _ region: Region, leader: UInt64, to stores: [UInt64], wanted: UInt64? = nil,
    joint: Bool = true
  ) throws -> [OperatorStep] {
    var next: UInt64 = 900
    let builder = OperatorBuilder(
      region: region, leader: region.peer(onStore: leader), usesJointConsensus: joint,
      prefersLeader: { $0 < $1 })
    return try builder.steps(to: stores, leader: wanted) {
      next += 1
      return next
    }
  }

  private let three = region(5, "", "", conf: 5, stores: [1, 2, 3])

  @Test func whatIsThereNeedsNoSteps() throws {
    #expect(try build(three, leader: 1, to: [3, 2, 1]).isEmpty)
    #expect(try build(three, leader: 1, to: [1, 2, 3], wanted: 1).isEmpty)
  }

  @Test func aReplacementIsCompleteBeforeTheOldPeerGoes() throws {
    let learner = PeerInfo(id: 901, storeID: 4, role: .learner)
    #expect(
      try build(three, leader: 1, to: [1, 2, 4], joint: false)
        == [.addLearner(learner), .promoteLearner(learner), .removePeer(three.peers[2])])
  }

  private func voter(_ id: UInt64, _ store: UInt64) -> PeerInfo { PeerInfo(id: id, storeID: store) }

  private func learner(_ id: UInt64, _ store: UInt64) -> PeerInfo {
    PeerInfo(id: id, storeID: store, role: .learner)
  }

  @Test func aReplacementIsOneJointChange() throws {
    let change = JointChange(promoted: [learner(901, 4)], demoted: [three.peers[2]])
    #expect(
      try build(three, leader: 1, to: [1, 2, 4])
        == [
          .addLearner(learner(901, 4)), .enterJoint(change), .leaveJoint(change),
          .removePeer(learner(53, 3)),
        ])
  }

  /// A leader that goes hands over to a voter that stays, before it is demoted.
  @Test func aLeaderThatGoesTransfersFirst() throws {
    let steps = try build(three, leader: 1, to: [2, 3, 4])
    #expect(steps[1] == .transferLeader(from: 1, to: voter(52, 2)))
    guard case .enterJoint(let change) = steps[2] else {
      Issue.record("no joint change: \(steps)")
      return
    }
    #expect(change.demoted == [three.peers[0]])
  }

  /// Where no voter stays, leadership changes inside the joint configuration; to a new voter from one that stays, after
  /// it.
  @Test func theNewLeaderIsAVoterWhenItGetsLeadership() throws {
    let all = try build(three, leader: 1, to: [4, 5, 6])
    let change = JointChange(
      promoted: [learner(901, 4), learner(902, 5), learner(903, 6)], demoted: three.peers)
    #expect(
      Array(all[3...])
        == [
          .enterJoint(change), .transferLeader(from: 1, to: voter(901, 4)), .leaveJoint(change),
          .removePeer(learner(51, 1)), .removePeer(learner(52, 2)), .removePeer(learner(53, 3)),
        ])
    let one = try build(three, leader: 1, to: [1, 2, 4], wanted: 4)
    #expect(one[3] == .transferLeader(from: 1, to: voter(901, 4)))
    #expect(one.count == 5)
  }

  /// A single change needs no joint configuration: neither in which a voter comes or goes, nor in which one of two
  /// voters goes, which is demoted before it is removed (pd#4411).
  @Test func aSingleChangeIsSimple() throws {
    #expect(
      try build(three, leader: 1, to: [1, 2, 3, 4])
        == [.addLearner(learner(901, 4)), .promoteLearner(learner(901, 4))])
    #expect(try build(three, leader: 1, to: [1, 2]) == [.removePeer(three.peers[2])])
    let two = region(5, "", "", conf: 5, stores: [1, 2])
    let change = JointChange(promoted: [], demoted: [two.peers[1]])
    #expect(
      try build(two, leader: 1, to: [1]) == [.enterJoint(change), .removePeer(learner(52, 2))])
    #expect(
      try build(two, leader: 1, to: [2])
        == [
          .transferLeader(from: 1, to: two.peers[1]),
          .enterJoint(JointChange(promoted: [], demoted: [two.peers[0]])),
          .removePeer(learner(51, 1)),
        ])
  }

  @Test func aJointChangeExplainsItsVersions() throws {
    let change = JointChange(promoted: [learner(901, 4)], demoted: [three.peers[2]])
    #expect(OperatorStep.enterJoint(change).confVersionDelta == 2)
    #expect(OperatorStep.leaveJoint(change).confVersionDelta == 2)
    let single = JointChange(promoted: [], demoted: [three.peers[2]])
    #expect(OperatorStep.enterJoint(single).confVersionDelta == 1)
  }

  /// However many members change, the voters that hold the data are never fewer than before and after.
  @Test(
    arguments: [[4, 5, 6], [1, 4, 5], [4], [1], [1, 2, 3, 4, 5], [3, 4]] as [[UInt64]],
    [true, false])
  func votersAreNeverTooFew(target: [UInt64], joint: Bool) throws {
    let steps = try build(three, leader: 1, to: target, wanted: target.last, joint: joint)
    var peers = three.peers
    var leader: UInt64 = 1
    for step in steps {
      if case .transferLeader(let from, let to) = step {
        let role = try #require(peers.first { $0.id == to.id }).role
        #expect(from == leader && (role == .voter || role == .incomingVoter))
        leader = to.storeID
      }
      if case .removePeer(let peer) = step {
        #expect(peer.storeID != leader, "a leader is removed: \(steps)")
      }
      step.apply(to: &peers)
      if case .leaveJoint = step {
        #expect(peers.first { $0.storeID == leader }?.role == .voter, "\(steps)")
      }
      let voters = peers.filter { $0.role == .voter || $0.role == .incomingVoter }.count
      #expect(voters >= min(3, target.count) && voters <= max(3, target.count) + 1, "\(steps)")
    }
    #expect(Set(peers.map(\.storeID)) == Set(target))
    #expect(peers.allSatisfy { $0.role == .voter })
    #expect(leader == target.last)
  }

  @Test func aLearnerThatIsWantedIsPromoted() throws {
    var mixed = three
    mixed.peers[1].role = .learner
    #expect(
      try build(mixed, leader: 1, to: [1, 2, 3], wanted: 2)
        == [
          .promoteLearner(mixed.peers[1]),
          .transferLeader(from: 1, to: PeerInfo(id: mixed.peers[1].id, storeID: 2)),
        ])
  }
}
