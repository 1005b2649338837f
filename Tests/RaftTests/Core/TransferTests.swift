import Testing

@testable import Raft

/// raft_test: transfers of leadership.
@Suite struct TransferTests {
  private func transfer(_ network: TestNetwork, to target: UInt64, at id: UInt64 = 1) throws {
    try network.send(Message(.transferLeader, to: id, from: target))
  }

  private func led(_ count: Int = 3) throws -> TestNetwork {
    let network = try TestNetwork(count)
    try network.campaign(1)
    return network
  }

  private func check(_ network: TestNetwork, _ id: UInt64, _ role: Role, leader: UInt64) {
    #expect(network[id].core.role == role)
    #expect(network[id].core.leader == leader)
    #expect(network[id].core.leadTransferee == NodeID.none)
  }

  @Test func testLeaderTransferToUpToDateNode() throws {
    let network = try led()
    #expect(network[1].core.leader == 1)
    try transfer(network, to: 2)
    check(network, 1, .follower, leader: 2)
    try network.propose(1)
    try transfer(network, to: 1, at: 2)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferToUpToDateNodeFromFollower() throws {
    let network = try led()
    try transfer(network, to: 2, at: 2)
    check(network, 1, .follower, leader: 2)
    try network.propose(1)
    try transfer(network, to: 1, at: 1)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferWithCheckQuorum() throws {
    let network = try TestNetwork(3) { $0.checkQuorum = true }
    for id: UInt64 in 2...3 {
      network[id].core.randomizedElectionTimeout = network[id].config.electionTick + Int(id)
    }
    // Lets 2 vote for 1.
    try network[2].tick(10)
    try network.campaign(1)
    try transfer(network, to: 2)
    check(network, 1, .follower, leader: 2)
    try network.propose(1)
    try transfer(network, to: 1, at: 2)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferToSlowFollower() throws {
    let network = try led()
    network.isolate(3)
    try network.propose(1, "")
    network.recover()
    #expect(network[1].progress(3).match == 1)
    try transfer(network, to: 3)
    check(network, 1, .follower, leader: 3)
  }

  @Test func testLeaderTransferAfterSnapshot() throws {
    let network = try led()
    network.isolate(3)
    try network.propose(1, "")
    let leader = network[1]
    try leader.nextEntries()
    try leader.storage.createSnapshot(
      at: leader.core.log.applied, confState: leader.core.tracker.config.confState)
    try leader.storage.compact(to: leader.core.log.applied)
    network.recover()
    #expect(leader.progress(3).match == 1)
    var held: Message?
    network.hook = { message in
      guard message.type == .appendResponse, message.from == 3, !message.reject else {
        return true
      }
      held = message
      return false
    }
    try transfer(network, to: 3)
    // 3 has the snapshot, but its response is on the way.
    #expect(leader.core.role == .leader)
    let response = try #require(held)
    // As soon as it is stored.
    let follower = network[3]
    try follower.storage.applySnapshot(try #require(follower.pendingSnapshot))
    follower.core.log.unstable.stableSnapshot(to: follower.core.log.committed)
    try follower.core.applied(to: follower.core.log.committed, size: 0)
    network.hook = nil
    try network.send(response)
    check(network, 1, .follower, leader: 3)
  }

  @Test func testLeaderTransferToSelf() throws {
    let network = try led()
    try transfer(network, to: 1)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferToNonExistingNode() throws {
    let network = try led()
    try transfer(network, to: 4)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferTimeout() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    try network[1].tick(network[1].config.heartbeatTick)
    #expect(network[1].core.leadTransferee == 3)
    try network[1].tick(network[1].config.electionTick - network[1].config.heartbeatTick)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferIgnoreProposal() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    let match = network[1].progress(1).match
    try network.propose(1)
    #expect(throws: RaftError.proposalDropped) { try network[1].propose() }
    #expect(network[1].progress(1).match == match)
  }

  @Test func testLeaderTransferReceiveHigherTermVote() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    try network.send(
      message(.hup, from: 2, to: 2, index: 1))
    check(network, 1, .follower, leader: 2)
  }

  @Test func testLeaderTransferRemoveNode() throws {
    let network = try led()
    network.ignore(.timeoutNow)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    try network[1].applyConfChange(.removeNode, 3)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferDemoteNode() throws {
    let network = try led()
    network.ignore(.timeoutNow)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    let demote = ConfChangeV2(
      changes: [
        ConfChangeSingle(type: .removeNode, nodeID: 3),
        ConfChangeSingle(type: .addLearnerNode, nodeID: 3),
      ])
    _ = try network[1].core.applyConfChange(demote)
    // Still a voter of the outgoing half.
    #expect(network[1].core.leadTransferee == 3)
    _ = try network[1].core.applyConfChange(ConfChangeV2())
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferBack() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    try transfer(network, to: 1)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testLeaderTransferSecondTransferToAnotherNode() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    #expect(network[1].core.leadTransferee == 3)
    try transfer(network, to: 2)
    check(network, 1, .follower, leader: 2)
  }

  @Test func testLeaderTransferSecondTransferToSameNode() throws {
    let network = try led()
    network.isolate(3)
    try transfer(network, to: 3)
    try network[1].tick(network[1].config.heartbeatTick)
    // Does not extend the time.
    try transfer(network, to: 3)
    try network[1].tick(network[1].config.electionTick - network[1].config.heartbeatTick)
    check(network, 1, .leader, leader: 1)
  }

  @Test func testTransferNonMember() throws {
    let node = try TestNode(1, peers: [2, 3, 4], election: 5)
    try node.step(message(.timeoutNow, from: 2, to: 1))
    try node.step(message(.voteResponse, from: 2, to: 1))
    try node.step(message(.voteResponse, from: 3, to: 1))
    #expect(node.core.role == .follower)
  }

  @Test func transferToLearnerIsIgnored() throws {
    let node = try TestNode(1, peers: [1], learners: [2])
    try node.becomeLeader()
    _ = try node.take()
    try node.step(Message(.transferLeader, to: 1, from: 2))
    #expect(node.core.leadTransferee == NodeID.none)
    #expect(try node.take().isEmpty)
  }

  @Test func timeoutNowSkipsThePreVote() throws {
    let node = try TestNode(1, peers: [1, 2, 3]) { $0.preVote = true }
    node.core.becomeFollower(term: 1, leader: 2)
    try node.step(message(.timeoutNow, from: 2, to: 1, term: 1))
    #expect(node.core.role == .candidate && node.core.term == 2)
    let sent = try node.take()
    #expect(sent.allSatisfy { $0.context == CampaignKind.transferContext })
  }

  @Test func transferFromTheNetworkIsForwardedWithoutItsTerm() throws {
    let node = try TestNode(2, peers: [1, 2, 3])
    node.core.becomeFollower(term: 1, leader: 1)
    try node.step(message(.transferLeader, from: 3, to: 2, term: 1))
    let sent = try node.take()
    #expect(sent.map(\.to) == [1] && sent.map(\.from) == [3] && sent.map(\.term) == [1])
  }
}
