import Testing

@testable import Raft

/// raft_test: what a leader sends, and when it waits.
@Suite struct ProgressFlowTests {
  private func leader(_ peers: [UInt64] = [1, 2]) throws -> TestNode {
    let node = try TestNode(1, peers: peers)
    try node.becomeLeader()
    _ = try node.take()
    return node
  }

  @Test func testProgressLeader() throws {
    let node = try TestNode(1, peers: [1, 2], election: 5)
    try node.becomeLeader()
    node.withProgress(2) { $0.becomeReplicate() }
    for _ in 0..<5 { try node.propose("foo") }
    // Its own entries count only when they are durable.
    #expect(node.progress(1).match == 0)
    #expect(node.core.log.unstable.nextEntries().count == 6)
    #expect(node.core.log.unstable.nextEntries().first?.data.isEmpty == true)
    try node.drain()
    #expect(node.progress(1).match == 6)
    #expect(node.progress(1).next == 7)
  }

  @Test func testProgressResumeByHeartbeatResp() throws {
    let node = try TestNode(1, peers: [1, 2], election: 5)
    try node.becomeLeader()
    node.withProgress(2) { $0.appendsPaused = true }
    try node.step(Message(.beat, to: 1, from: 1))
    #expect(node.progress(2).appendsPaused)
    node.withProgress(2) { $0.becomeReplicate() }
    #expect(!node.progress(2).appendsPaused)
    node.withProgress(2) { $0.appendsPaused = true }
    try node.step(message(.heartbeatResponse, from: 2, to: 1))
    #expect(!node.progress(2).appendsPaused)
  }

  @Test func testProgressPaused() throws {
    let node = try TestNode(1, peers: [1, 2], election: 5)
    try node.becomeLeader()
    for _ in 0..<3 { try node.propose() }
    #expect(try node.take().count == 1)
  }

  @Test func testProgressFlowControl() throws {
    let node = try TestNode(1, peers: [1, 2], election: 5) {
      $0.maxInflightMessages = 3
      $0.maxSizePerMessage = 2048
      $0.maxInflightBytes = 9000
    }
    try node.becomeLeader()
    _ = try node.take()
    node.withProgress(2) { $0.becomeProbe() }
    let blob = String(repeating: "a", count: 1000)
    let large = String(repeating: "b", count: 5000)
    for round in 0..<22 {
      try node.propose((10..<16).contains(round) ? large : blob)
    }
    var sent = try node.take()
    // Probing: one message, with the empty entry of the term and what else fits.
    #expect(sent.count == 1)
    #expect(sent[0].entries.count == 2)
    #expect(sent[0].entries[0].data.isEmpty && sent[0].entries[1].data.count == 1000)
    // Then as many as the window takes: by count, later by bytes.
    for want in [[2, 2, 2], [2, 1, 1], [1, 1], [1, 1], [1, 2, 2], [2]] {
      let index = sent.last.map { $0.index + UInt64($0.entries.count) } ?? 0
      try node.step(message(.appendResponse, from: 2, to: 1, index: index))
      sent = try node.take()
      #expect(sent.allSatisfy { $0.type == .append })
      #expect(sent.map(\.entries.count) == want)
    }
  }

  @Test func testUncommittedEntryLimit() throws {
    let data = [UInt8](repeating: 1, count: 64)
    let entry = Entry(data: data)
    let node = try TestNode(1, peers: [1, 2, 3], election: 5) {
      $0.maxUncommittedEntriesSize = 1024
      $0.maxInflightMessages = 2 * 1024
    }
    try node.becomeLeader()
    #expect(node.core.uncommittedSize == 0)
    for id: UInt64 in [2, 3] { node.withProgress(id) { $0.becomeReplicate() } }
    for _ in 0..<16 {
      try node.step(message(.propose, from: 1, to: 1, entries: [entry]))
    }
    #expect(throws: RaftError.proposalDropped) {
      try node.step(message(.propose, from: 1, to: 1, entries: [entry]))
    }
    // Released when they are applied.
    _ = try node.take()
    var applied = Message(.storageApplyResponse, to: 1, from: NodeID.applyThread)
    node.core.log.committed = node.core.log.lastIndex
    applied.entries = try node.allEntries()
    try node.step(applied)
    #expect(node.core.uncommittedSize == 0)
    // Alone, an oversize proposal passes; then nothing but empty ones.
    let large = Entry(data: [UInt8](repeating: 2, count: 2048))
    try node.step(message(.propose, from: 1, to: 1, entries: [large]))
    #expect(throws: RaftError.proposalDropped) {
      try node.step(message(.propose, from: 1, to: 1, entries: [entry]))
    }
    try node.step(message(.propose, from: 1, to: 1, entries: [Entry()]))
  }

  @Test func testMsgAppRespWaitReset() throws {
    let node = try TestNode(1, peers: [1, 2, 3], election: 5)
    try node.becomeLeader()
    _ = try node.take()
    // 2 acknowledges the first entry of the term; 3 has not completed.
    try node.core.broadcastAppend()
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, index: 1))
    #expect(node.core.log.committed == 1)
    _ = try node.take()
    try node.propose()
    // Only 2 may be sent the next one.
    let toTwo = try node.take()
    #expect(toTwo.map(\.to) == [2])
    #expect(toTwo[0].entries.map(\.index) == [2])
    try node.step(message(.appendResponse, from: 3, to: 1, index: 1))
    let toThree = try node.take()
    #expect(toThree.map(\.to) == [3])
    #expect(toThree[0].entries.map(\.index) == [2])
  }

  @Test func testLeaderIncreaseNext() throws {
    let previous = entries([1, 1, 1])
    for (state, next, want) in [
      (ProgressState.replicate, UInt64(2), UInt64(previous.count + 3)), (.probe, 2, 2),
    ] {
      let node = try TestNode(1, peers: [1, 2])
      try node.core.log.append(previous)
      try node.becomeLeader()
      node.withProgress(2) {
        $0.state = state
        $0.next = next
        $0.appendsPaused = false
      }
      try node.propose()
      #expect(node.progress(2).next == want)
    }
  }

  @Test func testSendAppendForProgressProbe() throws {
    let node = try leader()
    node.withProgress(2) { $0.becomeProbe() }
    for round in 0..<3 {
      if round == 0 {
        _ = try node.append(Entry(data: bytes("somedata")))
        try node.sendAppend(to: 2)
        let sent = try node.take()
        #expect(sent.count == 1 && sent[0].index == 0)
      }
      #expect(node.progress(2).appendsPaused)
      for _ in 0..<10 {
        _ = try node.append(Entry(data: bytes("somedata")))
        try node.sendAppend(to: 2)
        #expect(try node.take().isEmpty)
      }
      // A heartbeat alone lets nothing through.
      for _ in 0..<node.config.heartbeatTick { try node.step(Message(.beat, to: 1, from: 1)) }
      #expect(node.progress(2).appendsPaused)
      let beats = try node.take()
      #expect(beats.map(\.type) == [.heartbeat])
    }
    // Its response lets one append through.
    try node.step(message(.heartbeatResponse, from: 2, to: 1))
    let sent = try node.take()
    #expect(sent.count == 1 && sent[0].index == 0)
    #expect(node.progress(2).appendsPaused)
  }

  @Test func emptyProbeDoesNotPause() throws {
    let node = try leader()
    let next = node.core.log.lastIndex + 1
    node.withProgress(2) {
      $0.becomeProbe()
      $0.next = next
    }
    try node.sendAppend(to: 2)
    let sent = try node.take()
    #expect(sent.count == 1 && sent[0].entries.isEmpty)
    #expect(!node.progress(2).isPaused)
  }

  @Test func testSendAppendForProgressReplicate() throws {
    let node = try leader()
    node.withProgress(2) { $0.becomeReplicate() }
    for _ in 0..<10 {
      _ = try node.append(Entry(data: bytes("somedata")))
      try node.sendAppend(to: 2)
      #expect(try node.take().count == 1)
    }
  }

  @Test func testSendAppendForProgressSnapshot() throws {
    let node = try leader()
    node.withProgress(2) { $0.becomeSnapshot(10) }
    for _ in 0..<10 {
      _ = try node.append(Entry(data: bytes("somedata")))
      try node.sendAppend(to: 2)
      #expect(try node.take().isEmpty)
    }
  }

  @Test func testRecvMsgUnreachable() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.storage.append(entries([1, 1, 1]))
    let leader = try TestNode(1, peers: [1, 2], storage: node.storage)
    try leader.becomeLeader()
    _ = try leader.take()
    leader.withProgress(2) {
      $0.match = 3
      $0.becomeReplicate()
      $0.next = 6
    }
    try leader.step(message(.unreachable, from: 2, to: 1))
    #expect(leader.progress(2).state == .probe)
    #expect(leader.progress(2).next == leader.progress(2).match + 1)
  }

  @Test func testHandleHeartbeatResp() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
    try storage.append(entries([1, 2, 3]))
    let node = try TestNode(1, election: 5, storage: storage)
    try node.becomeLeader()
    try node.core.log.commit(to: node.core.log.lastIndex)
    // A peer that lags behind is sent an append for each response.
    for _ in 0..<2 {
      try node.step(message(.heartbeatResponse, from: 2, to: 1))
      #expect(try node.take().map(\.type) == [.append])
    }
    try node.step(message(.heartbeatResponse, from: 2, to: 1))
    let sent = try node.take()
    try node.step(
      message(
        .appendResponse, from: 2, to: 1,
        index: sent[0].index + UInt64(sent[0].entries.count)))
    _ = try node.take()
    // One that has caught up is not.
    try node.step(message(.heartbeatResponse, from: 2, to: 1))
    #expect(try node.take().isEmpty)
  }

  @Test func heartbeatOverwritesSentCommit() throws {
    let node = try leader([1, 2, 3])
    node.withProgress(2) {
      $0.becomeReplicate()
      $0.sentCommit = 1
    }
    // The heartbeat may lower what the peer is thought to know.
    try node.step(Message(.beat, to: 1, from: 1))
    #expect(node.progress(2).sentCommit == 0)
  }
}
