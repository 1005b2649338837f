import Testing

@testable import Raft

/// raft_test: elections without quorum checks.
@Suite struct ElectionTests {
  private func checkLeaderElection(preVote: Bool) throws {
    let adjust: (inout Config) -> Void = { $0.preVote = preVote }
    let lost = Role.campaigning(preVote: preVote)
    let lostTerm: UInt64 = preVote ? 0 : 1
    let cases: [([TestNetwork.Member], Role, UInt64)] = [
      ([.fresh, .fresh, .fresh], .leader, 1),
      ([.fresh, .fresh, .deaf], .leader, 1),
      ([.fresh, .deaf, .deaf], lost, lostTerm),
      ([.fresh, .deaf, .deaf, .fresh], lost, lostTerm),
      ([.fresh, .deaf, .deaf, .fresh, .fresh], .leader, 1),
      // Three longer logs of the same term refuse, instead of ignoring the request.
      ([.fresh, .terms([1]), .terms([1]), .terms([1, 1]), .fresh], .follower, 1),
    ]
    for (number, (members, role, term)) in cases.enumerated() {
      let network = try TestNetwork(members, adjust)
      try network.campaign(1)
      #expect(network[1].core.role == role, "case \(number)")
      #expect(network[1].core.term == term, "case \(number)")
    }
  }

  @Test func testLeaderElection() throws { try checkLeaderElection(preVote: false) }

  @Test func testLeaderElectionPreVote() throws { try checkLeaderElection(preVote: true) }

  private func learnerPair() throws -> (TestNode, TestNode) {
    let one = try TestNode(1, peers: [1], learners: [2])
    let two = try TestNode(2, peers: [1], learners: [2])
    one.core.becomeFollower(term: 1, leader: 0)
    two.core.becomeFollower(term: 1, leader: 0)
    return (one, two)
  }

  @Test func testLearnerElectionTimeout() throws {
    let (_, two) = try learnerPair()
    try two.timeOut()
    #expect(two.core.role == .follower)
    #expect(try two.take().isEmpty)
  }

  @Test func testLearnerPromotion() throws {
    let (one, two) = try learnerPair()
    let network = try TestNetwork(nodes: one, two)
    #expect(one.core.role != .leader)
    try one.timeOut()
    try network.flush(one)
    #expect(one.core.role == .leader)
    #expect(two.core.role == .follower)
    try network.beat(1)
    try one.applyConfChange(.addNode, 2)
    try two.applyConfChange(.addNode, 2)
    #expect(two.core.isLearner == false)
    try two.timeOut()
    try network.flush(two)
    #expect(one.core.role == .follower)
    #expect(two.core.role == .leader)
  }

  @Test func testLearnerCanVote() throws {
    let two = try TestNode(2, peers: [1], learners: [2])
    two.core.becomeFollower(term: 1, leader: 0)
    try two.step(message(.vote, from: 1, to: 2, term: 2, logTerm: 11, index: 11))
    let responses = try two.take()
    #expect(responses.count == 1)
    #expect(responses.first?.type == .voteResponse)
    #expect(responses.first?.reject == false)
  }

  @Test func testLearnerCampaign() throws {
    let one = try TestNode(1, peers: [1])
    try one.applyConfChange(.addLearnerNode, 2)
    let two = try TestNode(2, peers: [1])
    try two.applyConfChange(.addLearnerNode, 2)
    let network = try TestNetwork(nodes: one, two)
    try network.campaign(2)
    #expect(two.core.isLearner == true)
    #expect(two.core.role == .follower)
    try network.campaign(1)
    #expect(one.core.role == .leader && one.core.leader == 1)
    // Not even on the leader's request.
    try network.send(message(.timeoutNow, from: 1, to: 2))
    #expect(two.core.role == .follower)
  }

  private func checkLeaderCycle(preVote: Bool) throws {
    let network = try TestNetwork(3) { $0.preVote = preVote }
    for campaigner: UInt64 in 1...3 {
      try network.campaign(campaigner)
      for id: UInt64 in 1...3 {
        #expect(network[id].core.role == (id == campaigner ? .leader : .follower))
      }
    }
  }

  @Test func testLeaderCycle() throws { try checkLeaderCycle(preVote: false) }

  @Test func testLeaderCyclePreVote() throws { try checkLeaderCycle(preVote: true) }

  /// Node 1 lost touch and holds old entries; 3 was elected meanwhile and holds newer ones, which
  /// were never committed.
  private func checkOverwrite(preVote: Bool) throws {
    let network = try TestNetwork(
      [
        .terms([1]),  // won the first election
        .terms([1]),  // got its log
        .terms([2]),  // won the second
        .voted(3, term: 2),  // voted but got no log
        .voted(3, term: 2),
      ]
    ) { $0.preVote = preVote }
    // The first campaign fails: a quorum knows of the second election. It learns the term though.
    try network.campaign(1)
    #expect(network[1].core.role == .follower)
    #expect(network[1].core.term == 2)
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
    #expect(network[1].core.term == 3)
    for id: UInt64 in 1...5 {
      let terms = try network[id].allEntries().map(\.term)
      #expect(terms == [1, 3], "node \(id)")
    }
  }

  @Test func testLeaderElectionOverwriteNewerLogs() throws {
    try checkOverwrite(preVote: false)
  }

  @Test func testLeaderElectionOverwriteNewerLogsPreVote() throws {
    try checkOverwrite(preVote: true)
  }

  private func checkVoteFromAnyState(_ type: MessageType) throws {
    for role: Role in [.follower, .preCandidate, .candidate, .leader] {
      let node = try TestNode(1, peers: [1, 2, 3])
      node.core.term = 1
      switch role {
      case .follower: node.core.becomeFollower(term: 1, leader: 3)
      case .preCandidate: try node.core.becomePreCandidate()
      case .candidate: try node.core.becomeCandidate()
      case .leader: try node.becomeLeader()
      }
      _ = try node.take()
      let before = node.core.hardState
      let newTerm = before.term + 1
      try node.step(message(type, from: 2, to: 1, term: newTerm, logTerm: newTerm, index: 42))
      let responses = try node.take()
      #expect(responses.count == 1)
      #expect(responses.first?.type == (type == .vote ? .voteResponse : .preVoteResponse))
      #expect(responses.first?.reject == false)
      if type == .vote {
        #expect(node.core.role == .follower && node.core.term == newTerm && node.core.vote == 2)
      } else {
        // Nothing may change for a mere question.
        #expect(node.core.role == role)
        #expect(node.core.hardState == before)
      }
    }
  }

  @Test func testVoteFromAnyState() throws { try checkVoteFromAnyState(.vote) }

  @Test func testPreVoteFromAnyState() throws { try checkVoteFromAnyState(.preVote) }

  @Test func testDuelingCandidates() throws {
    let network = try TestNetwork(3)
    network.cut(1, 3)
    try network.campaign(1)
    try network.campaign(3)
    #expect(network[1].core.role == .leader)
    // 3 has one vote and one refusal.
    #expect(network[3].core.role == .candidate)
    network.recover()
    // Raises the term and disrupts, but does not win with its short log.
    try network.campaign(3)
    #expect(network[1].core.role == .follower && network[1].core.term == 2)
    #expect(network[2].core.role == .follower && network[2].core.term == 2)
    #expect(network[3].core.role == .follower && network[3].core.term == 2)
    #expect(network[1].core.log.committed == 1 && network[1].core.log.lastIndex == 1)
    #expect(network[2].core.log.committed == 1 && network[2].core.log.lastIndex == 1)
    #expect(network[3].core.log.committed == 0 && network[3].core.log.lastIndex == 0)
  }

  @Test func testDuelingPreCandidates() throws {
    let network = try TestNetwork(3) { $0.preVote = true }
    network.cut(1, 3)
    try network.campaign(1)
    try network.campaign(3)
    #expect(network[1].core.role == .leader)
    #expect(network[3].core.role == .follower)
    network.recover()
    // With pre-votes the candidate does not disturb the group.
    try network.campaign(3)
    #expect(network[1].core.role == .leader && network[1].core.term == 1)
    #expect(network[2].core.role == .follower && network[2].core.term == 1)
    #expect(network[3].core.role == .follower && network[3].core.term == 1)
  }

  @Test func testCandidateConcede() throws {
    let network = try TestNetwork(3)
    network.isolate(1)
    try network.campaign(1)
    try network.campaign(3)
    network.recover()
    try network.beat(3)
    try network.propose(3, "force follower")
    try network.beat(3)
    #expect(network[1].core.role == .follower)
    #expect(network[1].core.term == 1)
    for id: UInt64 in 1...3 {
      let entries = try network[id].allEntries()
      #expect(entries.map(\.term) == [1, 1])
      #expect(entries.last?.data == bytes("force follower"))
      #expect(network[id].core.log.committed == 2)
    }
  }

  @Test func testSingleNodeCandidate() throws {
    let network = try TestNetwork(1)
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
  }

  @Test func testSingleNodePreCandidate() throws {
    let network = try TestNetwork(1) { $0.preVote = true }
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
  }

  private func checkRecvVote(_ type: MessageType) throws {
    // role, index and log term of the request, vote before, refused?
    let cases: [(Role, UInt64, UInt64, UInt64, Bool)] = [
      (.follower, 0, 0, 0, true), (.follower, 0, 1, 0, true), (.follower, 0, 2, 0, true),
      (.follower, 0, 3, 0, false),
      (.follower, 1, 0, 0, true), (.follower, 1, 1, 0, true), (.follower, 1, 2, 0, true),
      (.follower, 1, 3, 0, false),
      (.follower, 2, 0, 0, true), (.follower, 2, 1, 0, true), (.follower, 2, 2, 0, false),
      (.follower, 2, 3, 0, false),
      (.follower, 3, 0, 0, true), (.follower, 3, 1, 0, true), (.follower, 3, 2, 0, false),
      (.follower, 3, 3, 0, false),
      (.follower, 3, 2, 2, false), (.follower, 3, 2, 1, true),
      (.leader, 3, 3, 1, true), (.preCandidate, 3, 3, 1, true), (.candidate, 3, 3, 1, true),
    ]
    for (number, (role, index, logTerm, vote, refused)) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1]))
      try storage.append(entries([2, 2]))
      let node = try TestNode(1, storage: storage)
      node.core.role = role
      node.core.vote = vote
      // The voter's term is at least what its log and the request have.
      let term = max(2, logTerm)
      node.core.term = term
      try node.step(message(type, from: 2, to: 1, term: term, logTerm: logTerm, index: index))
      let responses = try node.take()
      #expect(responses.count == 1)
      #expect(responses.first?.type == (type == .vote ? .voteResponse : .preVoteResponse))
      #expect(responses.first?.reject == refused, "case \(number)")
    }
  }

  @Test func testRecvMsgVote() throws {
    try checkRecvVote(.vote)
    // A vote is not given to a second candidate of a term whose leader is known, although the
    // term's vote was never given.
    let node = try TestNode(1, peers: [1, 2, 3])
    node.core.becomeFollower(term: 1, leader: 3)
    try node.step(message(.vote, from: 2, to: 1, term: 1, logTerm: 1, index: 1))
    let responses = try node.take()
    #expect(responses.first?.reject == true)
    #expect(node.core.vote == NodeID.none)
  }

  @Test func testRecvMsgPreVote() throws { try checkRecvVote(.preVote) }

  @Test func grantingResetsTheElectionTimer() throws {
    // A vote of the same term, so that no change of term resets the timer.
    let other = try TestNode(1, peers: [1, 2, 3])
    other.core.becomeFollower(term: 1, leader: 0)
    try other.tick(5)
    try other.step(message(.vote, from: 2, to: 1, term: 1, logTerm: 1, index: 1))
    #expect(other.core.vote == 2)
    #expect(other.core.electionElapsed == 0)
    let voter = try TestNode(1, peers: [1, 2, 3])
    voter.core.becomeFollower(term: 1, leader: 0)
    try voter.tick(5)
    try voter.step(message(.preVote, from: 2, to: 1, term: 2, logTerm: 1, index: 1))
    #expect(voter.core.electionElapsed == 5)
  }
}
