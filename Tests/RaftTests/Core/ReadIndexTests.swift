import Testing

@testable import Raft

/// raft_test: linearizable reads.
@Suite struct ReadIndexTests {
  private func read(_ network: TestNetwork, at id: UInt64, _ context: String) throws {
    try network.send(
      message(.readIndex, from: id, to: id, entries: [Entry(data: bytes(context))]))
  }

  private func checkReads(
    _ network: TestNetwork, nodes: [UInt64], _ indexes: [UInt64]
  ) throws {
    for (round, (id, want)) in zip(nodes, indexes).enumerated() {
      for _ in 0..<10 { try network.propose(1, "") }
      try read(network, at: id, "ctx\(round)")
      let states = network[id].core.readStates
      #expect(states == [ReadState(index: want, context: bytes("ctx\(round)"))])
      network[id].core.readStates = []
    }
  }

  @Test func testReadOnlyOptionSafe() throws {
    let network = try TestNetwork(3)
    network[2].core.randomizedElectionTimeout = 11
    try network[2].tick(10)
    try network.campaign(1)
    try checkReads(network, nodes: [1, 2, 3, 1, 2, 3], [11, 21, 31, 41, 51, 61])
  }

  @Test func testReadOnlyOptionLease() throws {
    let network = try TestNetwork(3) {
      $0.readOnlyOption = .leaseBased
      $0.checkQuorum = true
    }
    network[2].core.randomizedElectionTimeout = 11
    try network[2].tick(10)
    try network.campaign(1)
    // No heartbeat is needed.
    network.ignore(.heartbeat)
    try checkReads(network, nodes: [1, 2, 3, 1, 2, 3], [11, 21, 31, 41, 51, 61])
  }

  @Test func testReadOnlyWithLearner() throws {
    let one = try TestNode(1, peers: [1], learners: [2])
    let two = try TestNode(2, peers: [1], learners: [2])
    let network = try TestNetwork(nodes: one, two)
    two.core.randomizedElectionTimeout = 11
    try two.tick(10)
    try network.campaign(1)
    try checkReads(network, nodes: [1, 2, 1, 2], [11, 21, 31, 41])
  }

  @Test func testReadOnlyForNewLeader() throws {
    var nodes: [TestNode] = []
    for (id, committed, applied, compacted) in [
      (UInt64(1), UInt64(1), UInt64(1), UInt64(0)), (2, 2, 2, 2), (3, 2, 2, 2),
    ] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([1, 1]))
      storage.setHardState(HardState(term: 1, commit: committed))
      if compacted != 0 { try storage.compact(to: compacted) }
      nodes.append(try TestNode(id, storage: storage) { $0.applied = applied })
    }
    let network = try TestNetwork(nodes: nodes[0], nodes[1], nodes[2])
    // Appends are lost, so that the leader commits nothing in its term.
    network.ignore(.append)
    try network.campaign(1)
    #expect(network[1].core.role == .leader)
    try read(network, at: 1, "early")
    #expect(network[1].core.readStates.isEmpty)
    network.recover()
    for _ in 0..<network[1].config.heartbeatTick { try network[1].tick() }
    try network.flush(network[1])
    try network.propose(1, "")
    #expect(network[1].core.log.committed == 4)
    let term = try network[1].core.log.termIfHeld(at: 4)
    #expect(term == network[1].core.term)
    // The read that waited is completed at the first index of the term that was committed.
    #expect(network[1].core.readStates.map(\.context) == [bytes("early")])
    #expect(network[1].core.readStates.allSatisfy { $0.index >= 3 })
    network[1].core.readStates = []
    try read(network, at: 1, "late")
    #expect(network[1].core.readStates == [ReadState(index: 4, context: bytes("late"))])
  }

  @Test func testReadOnlyDuplicateRequest() throws {
    // An old leader must not confirm a read by responses to heartbeats that were sent before it.
    let network = try TestNetwork(3)
    try network.campaign(1)
    var held: [Message] = []
    network.hook = { message in
      guard message.type == .heartbeatResponse else { return true }
      held.append(message)
      return false
    }
    try read(network, at: 1, "ctx")
    #expect(held.count == 2)
    network.hook = nil
    // Another leader commits more meanwhile.
    let stale = network[1].core.log.committed
    network.isolate(1)
    try network.campaign(2)
    try network.propose(2)
    #expect(network[2].core.log.committed > stale)
    // The same request once more at the old leader, then one delayed response.
    try read(network, at: 1, "ctx")
    try network[1].step(held[0])
    let states = network[1].core.readStates
    // The first request was made before the other leader's commit; the second was not.
    #expect(states.count <= 1)
    #expect(network[1].core.reads.queue.unconfirmed.count == 1)
  }

  @Test func testRaftFreesReadOnlyMem() throws {
    let node = try TestNode(1, peers: [1, 2], election: 5)
    try node.becomeLeader()
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, index: 1))
    _ = try node.take()
    try node.step(message(.readIndex, from: 2, to: 1, entries: [Entry(data: bytes("ctx"))]))
    let sent = try node.take()
    #expect(sent.map(\.type) == [.heartbeat])
    #expect(sent[0].context == ReadOnlyQueue.encode(1))
    #expect(node.core.reads.queue.unconfirmed.count == 1)
    try node.step(message(.heartbeatResponse, from: 2, to: 1, context: sent[0].context))
    #expect(node.core.reads.queue.unconfirmed.isEmpty)
    #expect(try node.take().map(\.type) == [.readIndexResponse])
  }

  @Test func readsAreLostWithTheirLeader() throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    try node.becomeLeader()
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, index: 1))
    try node.step(message(.readIndex, from: 1, to: 1, entries: [Entry(data: bytes("ctx"))]))
    node.core.becomeFollower(term: 2, leader: 3)
    #expect(node.core.reads.queue.unconfirmed.isEmpty && node.core.readStates.isEmpty)
  }

  @Test func invalidReadResponsesAreIgnored() throws {
    let node = try TestNode(1, peers: [1, 2])
    node.core.becomeFollower(term: 1, leader: 2)
    try node.step(message(.readIndexResponse, from: 2, to: 1, term: 1, index: 5))
    #expect(node.core.readStates.isEmpty)
    let context = [Entry(data: bytes("ctx"))]
    try node.step(
      message(.readIndexResponse, from: 2, to: 1, term: 1, index: 5, entries: context))
    #expect(node.core.readStates == [ReadState(index: 5, context: bytes("ctx"))])
  }
}
