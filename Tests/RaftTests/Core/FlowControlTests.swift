import Testing

@testable import Raft

/// raft_flow_control_test, and the options beyond etcd's.
@Suite struct FlowControlTests {
  private func replicating(_ adjust: (inout Config) -> Void = { _ in }) throws -> TestNode {
    let node = try TestNode(1, peers: [1, 2], election: 5, adjust)
    try node.becomeLeader()
    node.withProgress(2) { $0.becomeReplicate() }
    return node
  }

  @Test func testMsgAppFlowControlFull() throws {
    let node = try replicating { $0.maxInflightMessages = 16 }
    for round in 0..<16 {
      try node.propose()
      let sent = try node.take()
      #expect(sent.map(\.type) == [.append], "round \(round)")
    }
    #expect(node.progress(2).isPaused)
    for _ in 0..<10 {
      try node.propose()
      #expect(try node.take().isEmpty)
    }
  }

  @Test func testMsgAppFlowControlMoveForward() throws {
    let node = try replicating { $0.maxInflightMessages = 16 }
    for _ in 0..<16 {
      try node.propose()
      _ = try node.take()
    }
    // The entry of the term is 1, so the window starts at 2.
    for acknowledged: UInt64 in 2..<16 {
      try node.step(message(.appendResponse, from: 2, to: 1, index: acknowledged))
      _ = try node.take()
      try node.propose()
      #expect(try node.take().map(\.type) == [.append])
      #expect(node.progress(2).isPaused)
      // Older acknowledgments free nothing.
      for stale in 0..<acknowledged {
        try node.step(message(.appendResponse, from: 2, to: 1, index: stale))
        #expect(node.progress(2).isPaused)
      }
    }
  }

  @Test func testMsgAppFlowControlRecvHeartbeat() throws {
    let node = try replicating { $0.maxInflightMessages = 16 }
    for _ in 0..<16 {
      try node.propose()
      _ = try node.take()
    }
    for round in 1..<5 {
      for _ in 0..<round {
        try node.step(message(.heartbeatResponse, from: 2, to: 1))
        let sent = try node.take()
        #expect(sent.map(\.type) == [.append])
        #expect(sent.first?.entries.isEmpty == true)
        #expect(node.progress(2).isPaused)
      }
      for _ in 0..<10 {
        try node.propose()
        #expect(try node.take().isEmpty)
      }
    }
  }

  // MARK: Options

  @Test func batchAppendJoinsQueuedMessages() throws {
    let node = try replicating { $0.batchAppend = true }
    _ = try node.take()
    for text in ["a", "b", "c"] { try node.propose(text) }
    let sent = try node.take()
    #expect(sent.count == 1)
    #expect(sent[0].entries.map(\.data).suffix(3) == [bytes("a"), bytes("b"), bytes("c")])
    // Not across another message to the same peer.
    try node.propose("d")
    try node.step(Message(.beat, to: 1, from: 1))
    try node.propose("e")
    #expect(try node.take().map(\.type) == [.append, .heartbeat, .append])
  }

  @Test func skippedCommitBroadcast() throws {
    let node = try TestNode(1, peers: [1, 2, 3]) { $0.skipBroadcastCommit = true }
    try node.becomeLeader()
    _ = try node.take()
    for id: UInt64 in [2, 3] {
      try node.step(message(.appendResponse, from: id, to: 1, index: 1))
    }
    try node.core.applied(to: 1, size: 0)
    _ = try node.take()
    try node.propose()
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, index: 2))
    try node.step(message(.appendResponse, from: 3, to: 1, index: 2))
    #expect(node.core.log.committed == 2)
    #expect(try node.take().isEmpty)
    // A membership change that is pending is worth it.
    try node.core.applied(to: 2, size: 0)
    let change = ConfChange(type: .addNode, nodeID: 4).encoded()
    try node.step(
      message(.propose, from: 1, to: 1, entries: [Entry(type: .confChange, data: change)]))
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, index: 3))
    #expect(try !node.take().isEmpty)
  }

  @Test func priorityDecidesAmongEqualLogs() throws {
    for (own, theirs, index, refused) in [
      (Int64(0), Int64(0), UInt64(1), false), (1, 0, 1, true), (1, 0, 2, false),
      (1, 1, 1, false), (0, -1, 1, true),
    ] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
      try storage.append(entries([1]))
      let node = try TestNode(1, storage: storage) { $0.priority = own }
      var request = message(.vote, from: 2, to: 1, term: 2, logTerm: 1, index: index)
      request.priority = theirs
      try node.step(request)
      #expect(try node.take().first?.reject == refused)
    }
  }

  @Test func windowOfOnePeerMayBeChanged() throws {
    var raw = try RawNode(
      config: Config(id: 1), storage: MemoryStorage(confState: ConfState(voters: [1, 2])))
    func settle() throws -> [Message] {
      var messages: [Message] = []
      while raw.hasReady {
        let ready = try raw.ready()
        try raw.storage.append(ready.entries)
        messages += ready.messages
        try raw.advance()
      }
      return messages
    }
    try raw.campaign()
    _ = try settle()
    try raw.step(Message(.voteResponse, to: 1, from: 2, term: 1))
    _ = try settle()
    try raw.step(message(.appendResponse, from: 2, to: 1, term: 1, index: 1))
    _ = try settle()
    raw.setMaxInflightMessages(0, for: 2)
    try raw.propose(bytes("x"))
    // Paused: nothing but empty messages.
    #expect(try settle().allSatisfy { $0.entries.isEmpty })
    raw.setMaxInflightMessages(8, for: 2)
    try raw.step(message(.heartbeatResponse, from: 2, to: 1, term: 1))
    #expect(try settle().contains { !$0.entries.isEmpty })
  }

  @Test func equalSeedsGiveEqualTimeouts() throws {
    func timeouts(_ seed: UInt64, _ id: UInt64) throws -> [Int] {
      let node = try TestNode(id, peers: [1, 2]) { $0.seed = seed }
      return (0..<20).map { _ in
        node.core.reset(term: 1)
        return node.core.randomizedElectionTimeout
      }
    }
    #expect(try timeouts(5, 1) == timeouts(5, 1))
    #expect(try timeouts(5, 1) != timeouts(6, 1))
    #expect(try timeouts(5, 1) != timeouts(5, 2))
  }

  @Test func logLinesAreBuiltOnlyWhenEnabled() {
    final class Counter: RaftLogger {
      var minimumLevel = RaftLogLevel.warning
      var logsRoutine = false
      var lines: [String] = []
      func log(_ level: RaftLogLevel, _ message: String) { lines.append(message) }
    }
    var built = 0
    func text() -> String {
      built += 1
      return "line"
    }
    let counter = Counter()
    LogSink(logger: nil).error(text())
    LogSink(logger: counter).info(text())
    #expect(built == 0 && counter.lines.isEmpty)
    LogSink(logger: counter).warning(text())
    #expect(built == 1 && counter.lines == ["line"])
    counter.minimumLevel = .info
    LogSink(logger: counter).routine(text())
    #expect(built == 1)
    counter.logsRoutine = true
    LogSink(logger: counter).routine(text())
    #expect(built == 2)
  }
}
