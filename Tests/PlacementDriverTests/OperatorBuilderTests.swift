import Codec
import Testing

@testable import PlacementDriver

struct OperatorBuilderTests {
  private func build(
    _ region: Region, leader: UInt64, to stores: [UInt64], wanted: UInt64? = nil
  ) throws -> [OperatorStep] {
    var next: UInt64 = 900
    let builder = OperatorBuilder(region: region, leader: region.peer(onStore: leader))
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
      try build(three, leader: 1, to: [1, 2, 4])
        == [.addLearner(learner), .promoteLearner(learner), .removePeer(three.peers[2])])
  }

  /// However many members change, the voters that hold the data are never fewer than before and after.
  @Test(arguments: [[4, 5, 6], [1, 4, 5], [4], [1], [1, 2, 3, 4, 5], [3, 4]] as [[UInt64]])
  func votersAreNeverTooFew(target: [UInt64]) throws {
    let steps = try build(three, leader: 1, to: target, wanted: target.last)
    var peers = three.peers
    var leader: UInt64 = 1
    for step in steps {
      if case .transferLeader(let from, let to) = step {
        #expect(from == leader && peers.contains { $0.id == to.id && $0.role == .voter })
        leader = to.storeID
      }
      if case .removePeer(let peer) = step {
        #expect(peer.storeID != leader, "a leader is removed: \(steps)")
      }
      step.apply(to: &peers)
      let voters = peers.filter { $0.role == .voter }.count
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
