import Testing

@testable import Raft

/// raft_test: changes of role and term.
@Suite struct RoleTests {
  @Test func testStateTransition() throws {
    // from, to, allowed, term, leader
    let cases: [(Role, Role, Bool, UInt64, UInt64)] = [
      (.follower, .follower, true, 1, 0), (.follower, .preCandidate, true, 0, 0),
      (.follower, .candidate, true, 1, 0), (.follower, .leader, false, 0, 0),
      (.preCandidate, .follower, true, 0, 0), (.preCandidate, .preCandidate, true, 0, 0),
      (.preCandidate, .candidate, true, 1, 0), (.preCandidate, .leader, true, 0, 1),
      (.candidate, .follower, true, 0, 0), (.candidate, .preCandidate, true, 0, 0),
      (.candidate, .candidate, true, 1, 0), (.candidate, .leader, true, 0, 1),
      (.leader, .follower, true, 1, 0), (.leader, .preCandidate, false, 0, 0),
      (.leader, .candidate, false, 1, 0), (.leader, .leader, true, 0, 1),
    ]
    for (number, (from, to, allowed, term, leader)) in cases.enumerated() {
      let node = try TestNode(1, peers: [1])
      node.core.role = from
      do throws(RaftError) {
        switch to {
        case .follower: node.core.becomeFollower(term: term, leader: leader)
        case .preCandidate: try node.core.becomePreCandidate()
        case .candidate: try node.core.becomeCandidate()
        case .leader: try node.core.becomeLeader()
        }
        #expect(allowed, "case \(number)")
        #expect(node.core.term == term && node.core.leader == leader, "case \(number)")
      } catch {
        #expect(!allowed && error.isFatal, "case \(number)")
      }
    }
  }

  @Test func testAllServerStepdown() throws {
    let cases: [(Role, UInt64, UInt64)] = [
      (.follower, 3, 0), (.preCandidate, 3, 0), (.candidate, 3, 0), (.leader, 3, 1),
    ]
    for (role, wantTerm, wantLast) in cases {
      let node = try TestNode(1, peers: [1, 2, 3])
      switch role {
      case .follower: node.core.becomeFollower(term: 1, leader: 0)
      case .preCandidate: try node.core.becomePreCandidate()
      case .candidate: try node.core.becomeCandidate()
      case .leader: try node.becomeLeader()
      }
      for type: MessageType in [.vote, .append] {
        try node.step(message(type, from: 2, to: 1, term: wantTerm, logTerm: wantTerm))
        #expect(node.core.role == .follower)
        #expect(node.core.term == wantTerm)
        #expect(node.core.log.lastIndex == wantLast)
        // Only the append names the leader.
        #expect(node.core.leader == (type == .vote ? 0 : 2))
      }
    }
  }

  @Test func leaderIsTakenFromHigherTerm() throws {
    for type: MessageType in [.append, .heartbeat, .snapshot] {
      let node = try TestNode(1, peers: [1, 2, 3])
      node.core.becomeFollower(term: 1, leader: 3)
      // Checked between the term check and the handler: a heartbeat that cannot be handled still names the leader.
      try? node.step(message(type, from: 2, to: 1, term: 5, commit: type == .heartbeat ? 9 : 0))
      #expect(node.core.term == 5)
      #expect(node.core.leader == 2, "\(type)")
    }
  }

  private func checkResetTerm(_ type: MessageType) throws {
    let network = try TestNetwork(3)
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
    network.isolate(3)
    try network.campaign(2)
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
    #expect(network[2].core.role == .follower)
    // The isolated node campaigns on its own and so has the term the others reach.
    try network.campaign(3)
    try network.campaign(3)
    #expect(network[3].core.role == .candidate)
    #expect(network[3].core.term == 3)
    network.recover()
    // The leader's message of the same term makes it follow again.
    try network.send(message(type, from: 1, to: 3, term: network[1].core.term))
    #expect(network[3].core.role == .follower)
    #expect(network[3].core.term == network[1].core.term)
    #expect(network[3].core.leader == 1)
  }

  @Test func testCandidateResetTermMsgHeartbeat() throws { try checkResetTerm(.heartbeat) }

  @Test func testCandidateResetTermMsgApp() throws { try checkResetTerm(.append) }

  private func checkSelfVoteAfterLostElection(preVote: Bool) throws {
    let node = try TestNode(1, peers: [1, 2, 3]) { $0.preVote = preVote }
    try node.step(Message(.hup, to: 1, from: 1))
    let late = node.core.messagesAfterAppend
    node.core.messagesAfterAppend = []
    node.core.messages = []
    #expect(late.count == 1)
    // Someone else has won.
    try node.step(message(.heartbeat, from: 2, to: 1, term: node.core.term))
    _ = try node.take()
    #expect(node.core.role == .follower)
    for response in late { try node.step(response) }
    #expect(node.core.role == .follower)
    #expect(node.core.tracker.tally().granted == 0)
    #expect(try node.take().isEmpty)
  }

  @Test func testCandidateSelfVoteAfterLostElection() throws {
    try checkSelfVoteAfterLostElection(preVote: false)
  }

  @Test func testCandidateSelfVoteAfterLostElectionPreVote() throws {
    try checkSelfVoteAfterLostElection(preVote: true)
  }

  @Test func testCandidateDeliversPreCandidateSelfVoteAfterBecomingCandidate() throws {
    let node = try TestNode(1, peers: [1, 2, 3]) { $0.preVote = true }
    try node.step(Message(.hup, to: 1, from: 1))
    #expect(node.core.role == .preCandidate)
    let late = node.core.messagesAfterAppend
    node.core.messagesAfterAppend = []
    // Two pre-votes of others are enough.
    try node.step(message(.preVoteResponse, from: 2, to: 1, term: node.core.term + 1))
    try node.step(message(.preVoteResponse, from: 3, to: 1, term: node.core.term + 1))
    #expect(node.core.role == .candidate)
    for response in late { try node.step(response) }
    #expect(node.core.role == .candidate)
    #expect(node.core.tracker.tally().granted == 0)
    // The vote proper still counts.
    try node.drain()
    #expect(node.core.tracker.tally().granted == 1)
    try node.step(message(.voteResponse, from: 2, to: 1, term: node.core.term))
    #expect(node.core.role == .leader)
  }

  @Test func testLeaderMsgAppSelfAckAfterTermChange() throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    try node.becomeLeader()
    try node.propose()
    let late = node.core.messagesAfterAppend
    node.core.messagesAfterAppend = []
    #expect(late.count == 2)
    try node.step(message(.heartbeat, from: 2, to: 1, term: 2))
    #expect(node.core.role == .follower)
    _ = try node.take()
    for response in late { try node.step(response) }
    #expect(try node.take().isEmpty)
    #expect(node.progress(1).match <= node.core.log.lastIndex)
    #expect(node.core.log.committed == 0)
  }

  @Test func testPastElectionTimeout() throws {
    let cases: [(Int, ClosedRange<Double>)] = [
      (5, 0...0), (10, 0.05...0.15), (13, 0.35...0.45), (15, 0.55...0.65), (18, 0.85...0.95),
      (20, 1...1),
    ]
    let node = try TestNode(1, peers: [1])
    for (elapsed, range) in cases {
      var count = 0
      for _ in 0..<10_000 {
        node.core.reset(term: 0)
        if elapsed >= node.core.randomizedElectionTimeout { count += 1 }
      }
      #expect(range.contains(Double(count) / 10_000), "elapsed \(elapsed)")
    }
  }

  @Test func testStepIgnoreOldTermMsg() throws {
    let node = try TestNode(1, peers: [1])
    node.core.term = 2
    try node.step(message(.append, from: 2, to: 1, term: 1, entries: entries([1])))
    #expect(node.core.log.lastIndex == 0)
    #expect(try node.take().isEmpty)
  }

  @Test func testPromotable() throws {
    for (peers, promotable) in [
      ([UInt64](arrayLiteral: 1), true), ([1, 2, 3], true), ([], false), ([2, 3], false),
    ] {
      #expect(try TestNode(1, peers: peers, election: 5).core.isPromotable == promotable)
    }
  }

  @Test func testRaftNodes() throws {
    for peers: [UInt64] in [[1, 2, 3], [3, 2, 1]] {
      let node = try TestNode(1, peers: peers)
      #expect(node.core.tracker.config.voters.ids.ids == [1, 2, 3])
    }
  }

  private func checkCampaignWhileLeader(preVote: Bool) throws {
    let node = try TestNode(1, peers: [1], election: 5) { $0.preVote = preVote }
    #expect(node.core.role == .follower)
    try node.step(Message(.hup, to: 1, from: 1))
    try node.drain()
    #expect(node.core.role == .leader)
    let term = node.core.term
    try node.step(Message(.hup, to: 1, from: 1))
    try node.drain()
    #expect(node.core.role == .leader)
    #expect(node.core.term == term)
  }

  @Test func testCampaignWhileLeader() throws { try checkCampaignWhileLeader(preVote: false) }

  @Test func testPreCampaignWhileLeader() throws { try checkCampaignWhileLeader(preVote: true) }
}
