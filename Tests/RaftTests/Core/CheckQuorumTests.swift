import Testing

@testable import Raft

/// raft_test: leases of leaders, and leaders that lose their quorum.
@Suite struct CheckQuorumTests {
  @Test func testLeaderStepdownWhenQuorumActive() throws {
    let node = try TestNode(1, peers: [1, 2, 3], election: 5) { $0.checkQuorum = true }
    try node.becomeLeader()
    for _ in 0..<(5 + 1) {
      try node.step(message(.heartbeatResponse, from: 2, to: 1, term: node.core.term))
      try node.tick()
    }
    #expect(node.core.role == .leader)
  }

  @Test func testLeaderStepdownWhenQuorumLost() throws {
    let node = try TestNode(1, peers: [1, 2, 3], election: 5) { $0.checkQuorum = true }
    try node.becomeLeader()
    try node.tick(5 + 1)
    #expect(node.core.role == .follower)
  }

  private func cluster(_ adjust: (inout Config) -> Void = { _ in }) throws -> TestNetwork {
    let network = try TestNetwork(3) {
      $0.checkQuorum = true
      adjust(&$0)
    }
    for id: UInt64 in 1...3 {
      network[id].core.randomizedElectionTimeout = network[id].config.electionTick + Int(id) - 1
    }
    return network
  }

  @Test func testLeaderSupersedingWithCheckQuorum() throws {
    let network = try cluster()
    try network[2].tick(10)
    try network.campaign(1)
    #expect(network[1].core.role == .leader && network[3].core.role == .follower)
    try network.campaign(3)
    // 2 holds on to its leader.
    #expect(network[3].core.role == .candidate)
    try network[2].tick(10)
    try network.campaign(3)
    #expect(network[3].core.role == .leader)
  }

  @Test func testLeaderElectionWithCheckQuorum() throws {
    let network = try cluster()
    // Right after start there is no leader to hold on to.
    try network.campaign(1)
    #expect(network[1].core.role == .leader && network[3].core.role == .follower)
    network[1].core.randomizedElectionTimeout = 20
    network[2].core.randomizedElectionTimeout = 21
    try network[1].tick(10)
    try network[2].tick(10)
    try network.campaign(3)
    #expect(network[1].core.role == .follower && network[3].core.role == .leader)
  }

  @Test func testFreeStuckCandidateWithCheckQuorum() throws {
    let network = try cluster()
    network[2].core.randomizedElectionTimeout = 11
    try network[2].tick(10)
    try network.campaign(1)
    network.isolate(1)
    try network.campaign(3)
    #expect(network[2].core.role == .follower && network[3].core.role == .candidate)
    #expect(network[3].core.term == network[2].core.term + 1)
    try network.campaign(3)
    #expect(network[3].core.term == network[2].core.term + 2)
    network.recover()
    try network.send(message(.heartbeat, from: 1, to: 3, term: network[1].core.term))
    // The candidate of the higher term made the leader step down.
    #expect(network[1].core.role == .follower)
    #expect(network[3].core.term == network[1].core.term)
    try network.campaign(3)
    #expect(network[3].core.role == .leader)
  }

  @Test func testNonPromotableVoterWithCheckQuorum() throws {
    let one = try TestNode(1, peers: [1, 2]) { $0.checkQuorum = true }
    let two = try TestNode(2, peers: [1]) { $0.checkQuorum = true }
    let network = try TestNetwork(nodes: one, two)
    two.core.randomizedElectionTimeout = 11
    #expect(two.core.isPromotable == false)
    try two.tick(10)
    try network.campaign(1)
    #expect(one.core.role == .leader && two.core.role == .follower)
    #expect(two.core.leader == 1)
  }

  @Test func leadersMessagesResetTheTimer() throws {
    for type: MessageType in [.append, .heartbeat, .snapshot] {
      let node = try TestNode(1, peers: [1, 2, 3])
      node.core.becomeFollower(term: 1, leader: 2)
      try node.tick(4)
      #expect(node.core.electionElapsed == 4)
      try node.step(message(type, from: 2, to: 1, term: 1))
      #expect(node.core.electionElapsed == 0, "\(type)")
      #expect(node.core.leader == 2)
    }
  }

  @Test func quorumIsCheckedAtTheElectionTick() throws {
    let node = try TestNode(1, peers: [1, 2, 3], election: 5) { $0.checkQuorum = true }
    try node.becomeLeader()
    try node.tick(4)
    #expect(node.core.role == .leader)
    try node.tick()
    #expect(node.core.role == .follower && node.core.leader == NodeID.none)
  }

  @Test func testAddNodeCheckQuorum() throws {
    let node = try TestNode(1, peers: [1]) { $0.checkQuorum = true }
    try node.becomeLeader()
    try node.tick(9)
    try node.applyConfChange(.addNode, 2)
    // The newcomer counts as active for its first interval.
    try node.tick()
    #expect(node.core.role == .leader)
    try node.tick(10)
    #expect(node.core.role == .follower)
  }
}
