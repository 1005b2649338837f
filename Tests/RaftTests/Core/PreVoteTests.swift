import Testing

@testable import Raft

/// raft_test: pre-votes in clusters that are cut, mixed or being upgraded.
@Suite struct PreVoteTests {
  private func follower(_ id: UInt64, preVote: Bool = true) throws -> TestNode {
    let node = try TestNode(id, peers: [1, 2, 3]) { $0.preVote = preVote }
    node.core.becomeFollower(term: 1, leader: 0)
    return node
  }

  @Test func testNodeWithSmallerTermCanCompleteElection() throws {
    let (one, two, three) = (try follower(1), try follower(2), try follower(3))
    let network = try TestNetwork(nodes: one, two, three)
    network.cut(1, 3)
    network.cut(2, 3)
    try network.campaign(1)
    #expect(one.core.role == .leader && two.core.role == .follower)
    try network.campaign(3)
    #expect(three.core.role == .preCandidate)
    try network.campaign(2)
    #expect(one.core.term == 3 && two.core.term == 3 && three.core.term == 1)
    #expect(one.core.role == .follower && two.core.role == .leader)
    #expect(three.core.role == .preCandidate)
    // 3 returns and the leader is isolated.
    network.recover()
    network.cut(2, 1)
    network.cut(2, 3)
    try network.campaign(3)
    try network.campaign(1)
    #expect(one.core.role == .leader || three.core.role == .leader)
  }

  @Test func testPreVoteWithSplitVote() throws {
    let (one, two, three) = (try follower(1), try follower(2), try follower(3))
    let network = try TestNetwork(nodes: one, two, three)
    try network.campaign(1)
    network.isolate(1)
    // The pre-votes of both pass, then the votes are split.
    try network.send(
      Message(.hup, to: 2, from: 2), Message(.hup, to: 3, from: 3))
    #expect(two.core.term == 3 && three.core.term == 3)
    #expect(two.core.role == .candidate && three.core.role == .candidate)
    try network.campaign(2)
    #expect(two.core.term == 4 && three.core.term == 4)
    #expect(two.core.role == .leader && three.core.role == .follower)
  }

  @Test func testPreVoteWithCheckQuorum() throws {
    let nodes = try [UInt64](1...3).map { id in
      let node = try TestNode(id, peers: [1, 2, 3]) {
        $0.preVote = true
        $0.checkQuorum = true
      }
      node.core.becomeFollower(term: 1, leader: 0)
      return node
    }
    let network = try TestNetwork(nodes: nodes[0], nodes[1], nodes[2])
    try network.campaign(1)
    network.isolate(1)
    #expect(nodes[0].core.role == .leader)
    // Both hold on to the leader, and so neither gives its pre-vote while its lease lasts.
    try network.campaign(2)
    #expect(nodes[1].core.role == .preCandidate)
    try network.campaign(3)
    try network.campaign(2)
    #expect(nodes[1].core.role == .leader || nodes[2].core.role == .leader)
  }

  /// 1 leads, 2 follows, and 3 was upgraded while it was cut off with a high term and a short log.
  private func migration() throws -> TestNetwork {
    let (one, two) = (try follower(1), try follower(2))
    let three = try follower(3, preVote: false)
    let network = try TestNetwork(nodes: one, two, three)
    try network.campaign(1)
    network.isolate(3)
    try network.propose(1, "some data")
    try network.campaign(3)
    try network.campaign(3)
    #expect(one.core.role == .leader && one.core.term == 2)
    #expect(three.core.role == .candidate && three.core.term == 4)
    // Restarted with pre-vote.
    let upgraded = try TestNode(3, peers: [1, 2, 3]) { $0.preVote = true }
    upgraded.core.becomeFollower(term: 4, leader: 0)
    try upgraded.core.becomePreCandidate()
    network.recover()
    return try TestNetwork(nodes: one, two, upgraded)
  }

  @Test func testPreVoteMigrationCanCompleteElection() throws {
    let network = try migration()
    // The leader is isolated.
    network.isolate(1)
    try network.campaign(3)
    try network.campaign(2)
    // Neither may both hang as pre-candidates of different terms.
    #expect(network[2].core.role == .follower)
    #expect(network[3].core.role == .preCandidate)
    try network.campaign(3)
    try network.campaign(2)
    #expect(network[2].core.role == .leader || network[3].core.role == .follower)
    #expect(network[2].core.term >= 4)
  }

  @Test func testPreVoteMigrationWithFreeStuckPreCandidate() throws {
    let network = try migration()
    for _ in 0..<2 {
      try network.campaign(3)
      #expect(network[1].core.role == .leader)
      #expect(network[2].core.role == .follower)
      #expect(network[3].core.role == .preCandidate)
    }
    // The leader's heartbeat of a lower term is completed, so that it steps down.
    try network.send(message(.heartbeat, from: 1, to: 3, term: network[1].core.term))
    #expect(network[1].core.role == .follower)
    #expect(network[3].core.term == network[1].core.term)
  }

  @Test func lowerTermPreVoteGetsAResponse() throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    node.core.becomeFollower(term: 4, leader: 0)
    try node.step(message(.preVote, from: 2, to: 1, term: 2))
    let responses = try node.take()
    #expect(responses.map(\.type) == [.preVoteResponse])
    #expect(responses.first?.reject == true && responses.first?.term == 4)
  }

  private func checkDisruption(preVote: Bool) throws -> TestNetwork {
    let nodes = try [UInt64](1...3).map { id in
      let node = try TestNode(id, peers: [1, 2, 3]) {
        $0.checkQuorum = true
        $0.preVote = preVote
      }
      node.core.becomeFollower(term: 1, leader: 0)
      return node
    }
    let network = try TestNetwork(nodes: nodes[0], nodes[1], nodes[2])
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
    // 3 receives nothing for longer than its timeout.
    network[3].core.randomizedElectionTimeout = network[3].config.electionTick + 2
    try network[3].tick(network[3].core.randomizedElectionTimeout)
    return network
  }

  @Test func testDisruptiveFollower() throws {
    let network = try checkDisruption(preVote: false)
    #expect(network[3].core.role == .candidate)
    #expect(network[2].core.term == 2 && network[3].core.term == 3)
    // The delayed heartbeat is completed with the higher term.
    _ = try network[3].take()
    try network.send(message(.heartbeat, from: 1, to: 3, term: network[1].core.term))
    #expect(network[1].core.role == .follower)
    #expect(network[3].core.role == .candidate)
    #expect(network[1].core.term == 3 && network[2].core.term == 2)
  }

  @Test func testDisruptiveFollowerPreVote() throws {
    let network = try TestNetwork(3) {
      $0.checkQuorum = true
      $0.preVote = true
    }
    try network.campaign(1)
    network.isolate(3)
    for _ in 0..<3 { try network.propose(1) }
    network.recover()
    try network.campaign(3)
    #expect(network[1].core.role == .leader)
    #expect(network[3].core.role == .preCandidate)
    #expect(network[3].core.term == 1)
    // The term was not raised, so nothing disturbs the leader.
    try network.send(message(.heartbeat, from: 1, to: 3, term: network[1].core.term))
    #expect(network[1].core.role == .leader)
  }

  private func checkPendingChange(v2: Bool) throws {
    let network = try TestNetwork(3)
    try network.campaign(1)
    let change = ConfChange(type: .removeNode, nodeID: 2)
    var proposed = proposal(from: 1)
    proposed.entries = [
      v2
        ? Entry(type: .confChangeV2, data: change.asV2.encoded())
        : Entry(type: .confChange, data: change.encoded())
    ]
    try network.send(proposed)
    // 2 has the change committed but not applied.
    try network[2].timeOut()
    #expect(network[2].core.role == .follower)
    // Nor may the leader ask for a campaign.
    try network.send(message(.transferLeader, from: 2, to: 1))
    #expect(network[1].core.role == .leader && network[2].core.role == .follower)
    _ = try network[1].nextEntries()
    try network[1].applyConfChange(.removeNode, 2)
    try network[1].tick(10)
    try network.send(message(.transferLeader, from: 2, to: 1))
    #expect(network[2].core.role == .follower)
    // Applied, it may campaign again.
    _ = try network[2].nextEntries()
    try network[2].timeOut()
    #expect(network[2].core.role == .candidate)
  }

  @Test func testConfChangeCheckBeforeCampaign() throws { try checkPendingChange(v2: false) }

  @Test func testConfChangeV2CheckBeforeCampaign() throws { try checkPendingChange(v2: true) }
}
