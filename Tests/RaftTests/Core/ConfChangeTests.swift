import Testing

@testable import Raft

/// raft_test: proposing and applying membership changes.
@Suite struct ConfChangeTests {
  private func change(_ type: ConfChangeType = .addNode, _ id: UInt64 = 3) -> Entry {
    Entry(type: .confChange, data: ConfChange(type: type, nodeID: id).encoded())
  }

  @Test func testStepConfig() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.becomeLeader()
    let last = node.core.log.lastIndex
    try node.step(message(.propose, from: 1, to: 1, entries: [change()]))
    #expect(node.core.log.lastIndex == last + 1)
    #expect(node.core.pendingConfIndex == last + 1)
  }

  @Test func testStepIgnoreConfig() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.becomeLeader()
    try node.step(message(.propose, from: 1, to: 1, entries: [change()]))
    let last = node.core.log.lastIndex
    let pending = node.core.pendingConfIndex
    try node.step(message(.propose, from: 1, to: 1, entries: [change()]))
    let appended = try node.core.log.entries(from: last + 1, maxSize: .max)
    #expect(appended == [Entry(type: .normal, term: 1, index: 3)])
    #expect(node.core.pendingConfIndex == pending)
  }

  @Test func testNewLeaderPendingConfig() throws {
    for (add, want) in [(false, UInt64(0)), (true, 1)] {
      let node = try TestNode(1, peers: [1, 2])
      if add { _ = try node.append(Entry()) }
      try node.becomeLeader()
      #expect(node.core.pendingConfIndex == want)
    }
  }

  @Test func newLeaderRefusesChangesUntilItsLogIsApplied() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
    try storage.append(entries([1, 1, 1]))
    let node = try TestNode(1, storage: storage)
    try node.becomeLeader()
    try node.step(message(.propose, from: 1, to: 1, entries: [change()]))
    #expect(try node.allEntries().last?.type == .normal)
  }

  @Test func testAddNode() throws {
    let node = try TestNode(1, peers: [1])
    try node.applyConfChange(.addNode, 2)
    #expect(node.core.tracker.config.voters.ids.ids == [1, 2])
  }

  @Test func testAddLearner() throws {
    let node = try TestNode(1, peers: [1])
    try node.applyConfChange(.addLearnerNode, 2)
    #expect(node.core.isLearner == false)
    #expect(node.core.tracker.config.learners.ids == [2])
    #expect(node.progress(2).isLearner)
    try node.applyConfChange(.addNode, 2)
    #expect(!node.progress(2).isLearner)
    // Demoted itself, then promoted again.
    try node.applyConfChange(.addLearnerNode, 1)
    #expect(node.progress(1).isLearner && node.core.isLearner)
    try node.applyConfChange(.addNode, 1)
    #expect(!node.progress(1).isLearner && !node.core.isLearner)
  }

  @Test func testRemoveNode() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.applyConfChange(.removeNode, 2)
    #expect(node.core.tracker.config.voters.ids.ids == [1])
    #expect(throws: RaftError.confChange("removed all voters")) {
      try node.applyConfChange(.removeNode, 1)
    }
  }

  @Test func testRemoveLearner() throws {
    let node = try TestNode(1, peers: [1], learners: [2])
    try node.applyConfChange(.removeNode, 2)
    #expect(node.core.tracker.config.voters.ids.ids == [1])
    #expect(node.core.tracker.config.learners.isEmpty)
    #expect(node.core.tracker.progress.ids == [1])
    #expect(throws: RaftError.confChange("removed all voters")) {
      try node.applyConfChange(.removeNode, 1)
    }
  }

  @Test func testCommitAfterRemoveNode() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.becomeLeader()
    try node.step(message(.propose, from: 1, to: 1, entries: [change(.removeNode, 2)]))
    #expect(try node.nextEntries().isEmpty)
    let index = node.core.log.lastIndex
    try node.propose("hello")
    // 2 acknowledges the change, which is thereby committed.
    try node.step(message(.appendResponse, from: 2, to: 1, index: index))
    let first = try node.nextEntries()
    #expect(first.map(\.type) == [.normal, .confChange])
    // With 2 removed, one node is a quorum.
    try node.applyConfChange(.removeNode, 2)
    let rest = try node.nextEntries()
    #expect(rest.map(\.data) == [bytes("hello")])
  }

  @Test func autoLeaveWaitsForThePendingChange() throws {
    let node = try TestNode(1, peers: [1])
    try node.becomeLeader()
    try node.nextEntries()
    let enter = ConfChangeV2(
      transition: .jointImplicit, changes: [ConfChangeSingle(type: .addLearnerNode, nodeID: 2)])
    _ = try node.core.applyConfChange(enter)
    let last = node.core.log.lastIndex
    // The pending entry is at a higher index.
    node.core.pendingConfIndex = last + 2
    try node.propose()
    try node.nextEntries()
    try node.core.applied(to: node.core.log.committed, size: 0)
    #expect(node.core.log.lastIndex == last + 1)
    try node.propose()
    try node.nextEntries()
    try node.core.applied(to: node.core.log.committed, size: 0)
    #expect(try node.allEntries().last?.type == .confChangeV2)
    // Once is enough.
    try node.core.applied(to: node.core.log.applied, size: 0)
    #expect(node.core.log.lastIndex == last + 3)
  }

  @Test func malformedChangesAreRefused() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.becomeLeader()
    let last = node.core.log.lastIndex
    let pending = node.core.pendingConfIndex
    for data: [UInt8] in [[0x10], [0x08, 0x80], [0x10, 0x09], [0x07], [0x22, 0x05, 0x01]] {
      do {
        try node.step(
          message(.propose, from: 2, to: 1, entries: [Entry(type: .confChange, data: data)]))
        Issue.record("taken: \(data)")
      } catch let error as RaftError {
        #expect(!error.isFatal)
      }
    }
    #expect(node.core.log.lastIndex == last && node.core.pendingConfIndex == pending)
  }
}
