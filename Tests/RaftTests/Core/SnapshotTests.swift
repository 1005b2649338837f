import Testing

@testable import Raft

/// raft_test and raft_snap_test: snapshots.
@Suite struct SnapshotTests {
  @Test func testRestore() throws {
    let node = try TestNode(1, peers: [1, 2])
    let image = snapshot(at: 11, term: 11, voters: [1, 2, 3])
    #expect(try node.core.restore(image))
    #expect(node.core.log.lastIndex == 11)
    #expect(try node.core.log.term(at: 11) == 11)
    #expect(node.core.tracker.config.voters.ids.ids == [1, 2, 3])
    #expect(try !node.core.restore(image))
    // No one campaigns on a snapshot that is not stored yet.
    for _ in 0..<node.core.randomizedElectionTimeout { try node.tick() }
    #expect(node.core.role == .follower)
  }

  @Test func testRestoreWithLearner() throws {
    let node = try TestNode(3, peers: [1, 2], learners: [3], election: 8, heartbeat: 2)
    let image = snapshot(at: 11, term: 11, voters: [1, 2], learners: [3])
    #expect(try node.core.restore(image))
    #expect(node.core.log.lastIndex == 11)
    #expect(node.core.tracker.config.voters.ids.ids == [1, 2])
    #expect(node.core.tracker.config.learners.ids == [3])
    #expect(node.progress(3).isLearner && !node.progress(1).isLearner)
    #expect(node.core.isLearner == true)
    #expect(try !node.core.restore(image))
  }

  @Test func testRestoreWithVotersOutgoing() throws {
    let node = try TestNode(1, peers: [1, 2])
    let image = snapshot(at: 11, term: 11, voters: [2, 3, 4], outgoing: [1, 2, 3])
    #expect(try node.core.restore(image))
    #expect(node.core.log.lastIndex == 11)
    #expect(node.core.tracker.config.voters.ids.ids == [1, 2, 3, 4])
    #expect(node.core.tracker.config.isJoint)
    #expect(try !node.core.restore(image))
    for _ in 0..<node.core.randomizedElectionTimeout { try node.tick() }
    #expect(node.core.role == .follower)
  }

  @Test func testRestoreVoterToLearner() throws {
    let node = try TestNode(3, peers: [1, 2, 3])
    #expect(node.core.isLearner == false)
    #expect(try node.core.restore(snapshot(at: 11, term: 11, voters: [1, 2], learners: [3])))
    #expect(node.core.isLearner == true)
  }

  @Test func testRestoreLearnerPromotion() throws {
    let node = try TestNode(3, peers: [1, 2], learners: [3])
    #expect(node.core.isLearner == true)
    #expect(try node.core.restore(snapshot(at: 11, term: 11, voters: [1, 2, 3])))
    #expect(node.core.isLearner == false)
  }

  @Test func restoreRefusesAForeignMembership() throws {
    let node = try TestNode(1, peers: [1, 2])
    #expect(try !node.core.restore(snapshot(at: 11, term: 11, voters: [2, 3])))
    #expect(node.core.log.lastIndex == 0)
  }

  @Test func testLearnerReceiveSnapshot() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1], learners: [2]))
    let one = try TestNode(1, storage: storage)
    let two = try TestNode(2, peers: [1], learners: [2])
    #expect(try one.core.restore(snapshot(at: 11, term: 11, voters: [1], learners: [2])))
    try storage.applySnapshot(try #require(one.pendingSnapshot))
    one.core.log.unstable.stableSnapshot(to: 11)
    try one.core.applied(to: 11, size: 0)
    let network = try TestNetwork(nodes: one, two)
    one.core.randomizedElectionTimeout = one.config.electionTick
    try one.tick(one.config.electionTick)
    try network.flush(one)
    try network.beat(1)
    #expect(two.core.log.committed == one.core.log.committed)
    #expect(two.core.log.committed >= 11)
  }

  @Test func testRestoreIgnoreSnapshot() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.core.log.append(entries([1, 1, 1]))
    node.core.log.committed = 1
    let image = snapshot(at: 1, term: 1, voters: [1, 2])
    #expect(try !node.core.restore(image))
    #expect(node.core.log.committed == 1)
    // One that the log already has only moves the commit index.
    var later = image
    later.metadata.index = 2
    #expect(try !node.core.restore(later))
    #expect(node.core.log.committed == 2)
    #expect(node.core.log.lastIndex == 3)
  }

  /// A leader whose log starts at 12, and a peer.
  private func compactedLeader() throws -> TestNode {
    let node = try TestNode(1, peers: [1])
    #expect(try node.core.restore(snapshot(at: 11, term: 11, voters: [1, 2])))
    try node.storage.applySnapshot(try #require(node.pendingSnapshot))
    node.core.log.unstable.stableSnapshot(to: 11)
    try node.core.applied(to: 11, size: 0)
    try node.becomeLeader()
    _ = try node.take()
    return node
  }

  @Test func testProvideSnap() throws {
    let node = try compactedLeader()
    let first = node.core.log.firstIndex
    // Forces the peer to something the log does not hold.
    node.withProgress(2) {
      $0.next = first
      $0.recentActive = true
    }
    try node.step(
      message(
        .appendResponse, from: 2, to: 1, index: node.progress(2).next - 1, reject: true))
    let sent = try node.take()
    #expect(sent.map(\.type) == [.snapshot])
    #expect(sent[0].snapshot?.metadata.index == 11)
  }

  @Test func testIgnoreProvidingSnap() throws {
    let node = try compactedLeader()
    let first = node.core.log.firstIndex
    // The peer is not active: no snapshot is sent.
    node.withProgress(2) {
      $0.next = first - 1
      $0.recentActive = false
    }
    try node.propose()
    #expect(try node.take().isEmpty)
    #expect(node.progress(2).state == .probe)
  }

  @Test func testRestoreFromSnapMsg() throws {
    let node = try TestNode(2, peers: [1, 2])
    try node.step(
      message(
        .snapshot, from: 1, to: 2, term: 2, snapshot: snapshot(at: 11, term: 11, voters: [1, 2])))
    #expect(node.core.leader == 1)
    #expect(node.core.log.lastIndex == 11)
  }

  @Test func snapshotIsAcknowledgedOnlyWhenStored() throws {
    let node = try TestNode(2, peers: [1, 2])
    try node.step(
      message(
        .snapshot, from: 1, to: 2, term: 2, snapshot: snapshot(at: 11, term: 11, voters: [1, 2])))
    #expect(node.core.messages.isEmpty)
    #expect(node.core.messagesAfterAppend.map(\.index) == [11])
  }

  @Test func testSlowNodeRestore() throws {
    let network = try TestNetwork(3)
    try network.campaign(1)
    network.isolate(3)
    for _ in 0...100 { try network.propose(1, "") }
    let leader = network[1]
    try leader.nextEntries()
    try leader.storage.createSnapshot(
      at: leader.core.log.applied, confState: leader.core.tracker.config.confState)
    try leader.storage.compact(to: leader.core.log.applied)
    network.recover()
    // Heartbeat responses make 3 active again.
    for _ in 0..<10 where !leader.progress(3).recentActive { try network.beat(1) }
    #expect(leader.progress(3).recentActive)
    // One proposal starts the snapshot, another one catches up.
    try network.propose(1, "")
    try network.propose(1, "")
    #expect(network[3].core.log.committed == leader.core.log.committed)
  }

  // MARK: raft_snap_test

  private func leaderOfTwo() throws -> TestNode {
    let storage = MemoryStorage(confState: ConfState(voters: [1]))
    let node = try TestNode(1, storage: storage)
    #expect(try node.core.restore(snapshot(at: 11, term: 11, voters: [1, 2])))
    try storage.applySnapshot(try #require(node.pendingSnapshot))
    node.core.log.unstable.stableSnapshot(to: 11)
    try node.core.applied(to: 11, size: 0)
    try node.becomeLeader()
    _ = try node.take()
    return node
  }

  @Test func testSendingSnapshotSetPendingSnapshot() throws {
    let node = try leaderOfTwo()
    let first = node.core.log.firstIndex
    node.withProgress(2) { $0.next = first }
    try node.step(
      message(
        .appendResponse, from: 2, to: 1, index: node.progress(2).next - 1, reject: true))
    #expect(node.progress(2).pendingSnapshot == 11)
    #expect(node.progress(2).next == 12 && node.progress(2).sentCommit == 11)
  }

  @Test func testPendingSnapshotPauseReplication() throws {
    let node = try leaderOfTwo()
    node.withProgress(2) { $0.becomeSnapshot(11) }
    try node.propose()
    #expect(try node.take().isEmpty)
  }

  @Test func testSnapshotFailure() throws {
    let node = try leaderOfTwo()
    node.withProgress(2) {
      $0.next = 1
      $0.becomeSnapshot(11)
    }
    try node.step(message(.snapshotStatus, from: 2, to: 1, reject: true))
    #expect(node.progress(2).pendingSnapshot == 0)
    #expect(node.progress(2).next == 1)
    #expect(node.progress(2).appendsPaused)
    #expect(node.progress(2).state == .probe)
  }

  @Test func testSnapshotSucceed() throws {
    let node = try leaderOfTwo()
    node.withProgress(2) {
      $0.next = 1
      $0.becomeSnapshot(11)
    }
    try node.step(message(.snapshotStatus, from: 2, to: 1))
    #expect(node.progress(2).pendingSnapshot == 0)
    #expect(node.progress(2).next == 12)
    #expect(node.progress(2).appendsPaused)
  }

  @Test func testSnapshotAbort() throws {
    let node = try leaderOfTwo()
    node.withProgress(2) {
      $0.next = 1
      $0.becomeSnapshot(11)
    }
    // The peer has come so far by itself.
    try node.step(message(.appendResponse, from: 2, to: 1, index: 11))
    #expect(node.progress(2).pendingSnapshot == 0)
    #expect(node.progress(2).next == 13)
    #expect(node.progress(2).inflights.count == 1)
    #expect(node.progress(2).state == .replicate)
  }

  @Test func temporarilyUnavailableSnapshotIsNotSent() throws {
    final class NoSnapshotStorage: LogStorage {
      let inner: MemoryStorage
      init(_ inner: MemoryStorage) { self.inner = inner }
      func initialState() throws(LogStorageError) -> (HardState, ConfState) {
        try inner.initialState()
      }
      func entries(
        from lo: UInt64, to hi: UInt64, maxSize: UInt64
      ) throws(LogStorageError) -> [Entry] {
        try inner.entries(from: lo, to: hi, maxSize: maxSize)
      }
      func term(at index: UInt64) throws(LogStorageError) -> UInt64 { try inner.term(at: index) }
      func firstIndex() -> UInt64 { inner.firstIndex() }
      func lastIndex() -> UInt64 { inner.lastIndex() }
      func snapshot() throws(LogStorageError) -> Snapshot { throw .snapshotTemporarilyUnavailable }
    }
    let inner = MemoryStorage()
    try inner.applySnapshot(snapshot(at: 11, term: 1, voters: [1, 2]))
    var core = try Consensus.start(config: Config(id: 1), storage: NoSnapshotStorage(inner))
    try core.becomeCandidate()
    try core.becomeLeader()
    core.messagesAfterAppend = []
    try core.step(message(.heartbeatResponse, from: 2, to: 1))
    try core.step(message(.appendResponse, from: 2, to: 1, index: 11, reject: true, hint: 3))
    #expect(core.tracker.progress[2]?.state == .probe)
    #expect(!core.messages.contains { $0.type == .snapshot })
  }
}
