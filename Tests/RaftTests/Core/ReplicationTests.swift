import Testing

@testable import Raft

/// raft_test: replication and commit.
@Suite struct ReplicationTests {
  @Test func testLeaderAppResp() throws {
    // acknowledged index, refused, match, next, messages, index and commit sent
    struct Case {
      var index: UInt64
      var reject: Bool
      var match: UInt64
      var next: UInt64
      var count: Int
      var sentIndex: UInt64
      var sentCommit: UInt64
    }
    let cases = [
      // Stale refusal.
      Case(index: 3, reject: true, match: 0, next: 3, count: 0, sentIndex: 0, sentCommit: 0),
      // Refused: step back and probe again.
      Case(index: 2, reject: true, match: 0, next: 2, count: 1, sentIndex: 1, sentCommit: 0),
      // Accepted: commit and broadcast.
      Case(index: 2, reject: false, match: 2, next: 4, count: 2, sentIndex: 2, sentCommit: 2),
      // Acknowledged at its match, a probe becomes a replica and is sent the rest.
      Case(index: 0, reject: false, match: 0, next: 4, count: 1, sentIndex: 0, sentCommit: 0),
    ]
    for (number, test) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([0, 1]))
      let node = try TestNode(1, storage: storage)
      try node.becomeLeader()
      // The first message of the term was lost.
      _ = try node.take()
      node.withProgress(2) { $0.next = 3 }
      try node.step(
        message(
          .appendResponse, from: 2, to: 1, term: node.core.term, index: test.index,
          reject: test.reject, hint: test.index))
      #expect(node.progress(2).match == test.match, "case \(number)")
      #expect(node.progress(2).next == test.next, "case \(number)")
      let sent = try node.take()
      #expect(sent.count == test.count, "case \(number)")
      for message in sent {
        #expect(message.index == test.sentIndex, "case \(number)")
        #expect(message.commit == test.sentCommit, "case \(number)")
      }
    }
  }

  @Test func testLogReplicationWithReorderedMessage() throws {
    let node = try TestNode(1, peers: [1, 2])
    try node.becomeLeader()
    _ = try node.take()
    node.withProgress(2) { $0.becomeReplicate() }
    for _ in 0..<5 { try node.propose("foo") }
    _ = try node.take()
    try node.step(message(.appendResponse, from: 2, to: 1, term: 1, index: 3))
    #expect(node.progress(2).match == 3)
    _ = try node.take()
    // A rejection that was overtaken by the acknowledgment above: never below the match.
    try node.step(
      message(.appendResponse, from: 2, to: 1, term: 1, index: 4, reject: true, hint: 1))
    let sent = try node.take()
    #expect(sent.map(\.index) == [3])
    #expect(node.progress(2).match == 3)
    // And one at the match is stale.
    node.withProgress(2) { $0.becomeReplicate() }
    try node.step(
      message(.appendResponse, from: 2, to: 1, term: 1, index: 3, reject: true, hint: 1))
    #expect(try node.take().isEmpty)
  }

  @Test func testLogReplication() throws {
    for (second, want) in [(false, UInt64(2)), (true, 4)] {
      let network = try TestNetwork(3)
      try network.campaign(1)
      try network.propose(1)
      if second {
        try network.campaign(2)
        try network.propose(2)
      }
      for id: UInt64 in 1...3 {
        #expect(network[id].core.log.committed == want)
        let proposals = try network[id].nextEntries().filter { !$0.data.isEmpty }
        #expect(proposals.map(\.data) == Array(repeating: bytes("somedata"), count: second ? 2 : 1))
      }
    }
  }

  @Test func testLearnerLogReplication() throws {
    let one = try TestNode(1, peers: [1], learners: [2])
    let two = try TestNode(2, peers: [1], learners: [2])
    let network = try TestNetwork(nodes: one, two)
    one.core.becomeFollower(term: 1, leader: 0)
    two.core.becomeFollower(term: 1, leader: 0)
    try one.timeOut()
    try network.flush(one)
    try network.beat(1)
    #expect(one.core.role == .leader && two.core.isLearner)
    let committed = one.core.log.committed + 1
    try network.propose(1)
    #expect(one.core.log.committed == committed)
    #expect(two.core.log.committed == one.core.log.committed)
    #expect(one.progress(2).match == two.core.log.committed)
  }

  @Test func testSingleNodeCommit() throws {
    let network = try TestNetwork(1)
    try network.campaign(1)
    try network.propose(1)
    try network.propose(1)
    #expect(network[1].core.log.committed == 3)
  }

  @Test func testCannotCommitWithoutNewTermEntry() throws {
    let network = try TestNetwork(5)
    try network.campaign(1)
    network.cut(1, 3)
    network.cut(1, 4)
    network.cut(1, 5)
    try network.propose(1)
    try network.propose(1)
    #expect(network[1].core.log.committed == 1)
    network.recover()
    // No appends, so that the entry of the new term does not get through.
    network.ignore(.append)
    try network.campaign(2)
    #expect(network[2].core.log.committed == 1)
    network.recover()
    try network.beat(2)
    try network.propose(2)
    #expect(network[2].core.log.committed == 5)
  }

  @Test func testCommitWithoutNewTermEntry() throws {
    let network = try TestNetwork(5)
    try network.campaign(1)
    network.cut(1, 3)
    network.cut(1, 4)
    network.cut(1, 5)
    try network.propose(1)
    try network.propose(1)
    #expect(network[1].core.log.committed == 1)
    network.recover()
    try network.campaign(2)
    #expect(network[1].core.log.committed == 4)
  }

  @Test func testOldMessages() throws {
    let network = try TestNetwork(3)
    try network.campaign(1)
    try network.campaign(2)
    try network.campaign(1)
    // A late append of the second term.
    try network.send(
      message(.append, from: 2, to: 1, term: 2, entries: [Entry(term: 2, index: 3)]))
    try network.propose(1)
    for id: UInt64 in 1...3 {
      #expect(try network[id].allEntries().map(\.term) == [1, 2, 3, 3])
      #expect(network[id].core.log.committed == 4)
    }
  }

  @Test func testProposal() throws {
    let cases: [([TestNetwork.Member], Bool)] = [
      ([.fresh, .fresh, .fresh], true), ([.fresh, .fresh, .deaf], true),
      ([.fresh, .deaf, .deaf], false), ([.fresh, .deaf, .deaf, .fresh], false),
      ([.fresh, .deaf, .deaf, .fresh, .fresh], true),
    ]
    for (members, succeeds) in cases {
      let network = try TestNetwork(members)
      try network.campaign(1)
      try network.propose(1)
      #expect(network[1].core.log.committed == (succeeds ? 2 : 0))
      #expect(network[1].core.term == 1)
      for node in network.nodes.values where succeeds {
        #expect(try node.allEntries().map(\.data) == [[], bytes("somedata")])
      }
    }
  }

  @Test func testProposalByProxy() throws {
    for third: TestNetwork.Member in [.fresh, .deaf] {
      let network = try TestNetwork([.fresh, .fresh, third])
      try network.campaign(1)
      try network.propose(2)
      #expect(network[1].core.log.committed == 2)
      #expect(try network[1].allEntries().last?.data == bytes("somedata"))
      #expect(network[1].core.term == 1)
    }
  }

  @Test func testDisableProposalForwarding() throws {
    let open = try TestNode(2, peers: [1, 2, 3])
    let closed = try TestNode(3, peers: [1, 2, 3]) { $0.disableProposalForwarding = true }
    for node in [open, closed] { node.core.becomeFollower(term: 1, leader: 1) }
    try open.propose()
    #expect(try open.take().map(\.type) == [.propose])
    #expect(throws: RaftError.proposalDropped) { try closed.propose() }
    #expect(try closed.take().isEmpty)
  }

  @Test func testCommit() throws {
    // matches, log terms, own term, committed
    let cases: [([UInt64], [UInt64], UInt64, UInt64)] = [
      ([1], [1], 1, 1), ([1], [1], 2, 0), ([2], [1, 2], 2, 2), ([1], [2], 2, 1),
      ([2, 1, 1], [1, 2], 1, 1), ([2, 1, 1], [1, 1], 2, 0), ([2, 1, 2], [1, 2], 2, 2),
      ([2, 1, 2], [1, 1], 2, 0),
      ([2, 1, 1, 1], [1, 2], 1, 1), ([2, 1, 1, 1], [1, 1], 2, 0),
      ([2, 1, 1, 2], [1, 2], 1, 1), ([2, 1, 1, 2], [1, 1], 2, 0),
      ([2, 1, 2, 2], [1, 2], 2, 2), ([2, 1, 2, 2], [1, 1], 2, 0),
    ]
    for (number, (matches, terms, term, want)) in cases.enumerated() {
      let peers = (1...UInt64(matches.count)).map { $0 }
      let storage = MemoryStorage(confState: ConfState(voters: peers))
      try storage.append(entries(terms))
      storage.setHardState(HardState(term: term))
      let node = try TestNode(1, storage: storage)
      for (id, match) in zip(peers, matches) {
        node.withProgress(id) {
          $0.match = match
          $0.next = match + 1
        }
      }
      _ = try node.core.maybeCommit()
      #expect(node.core.log.committed == want, "case \(number)")
    }
  }

  @Test func testHandleMsgApp() throws {
    struct Case {
      var logTerm: UInt64
      var index: UInt64
      var commit: UInt64
      var entries: [Entry]
      var last: UInt64
      var committed: UInt64
      var reject: Bool
    }
    let e3 = Entry(term: 2, index: 3)
    let cases = [
      // Previous entry differs, or is missing.
      Case(logTerm: 3, index: 2, commit: 3, entries: [], last: 2, committed: 0, reject: true),
      Case(logTerm: 3, index: 3, commit: 3, entries: [], last: 2, committed: 0, reject: true),
      // Taken.
      Case(logTerm: 1, index: 1, commit: 1, entries: [], last: 2, committed: 1, reject: false),
      Case(
        logTerm: 0, index: 0, commit: 1, entries: [Entry(term: 2, index: 1)], last: 1,
        committed: 1, reject: false),
      Case(
        logTerm: 2, index: 2, commit: 3, entries: [e3, Entry(term: 2, index: 4)], last: 4,
        committed: 3, reject: false),
      Case(logTerm: 2, index: 2, commit: 4, entries: [e3], last: 3, committed: 3, reject: false),
      Case(
        logTerm: 1, index: 1, commit: 4, entries: [Entry(term: 2, index: 2)], last: 2,
        committed: 2, reject: false),
      // Commit only up to what the message proves.
      Case(logTerm: 1, index: 1, commit: 3, entries: [], last: 2, committed: 1, reject: false),
      Case(
        logTerm: 1, index: 1, commit: 3, entries: [Entry(term: 2, index: 2)], last: 2,
        committed: 2, reject: false),
      Case(logTerm: 2, index: 2, commit: 3, entries: [], last: 2, committed: 2, reject: false),
      Case(logTerm: 2, index: 2, commit: 4, entries: [], last: 2, committed: 2, reject: false),
    ]
    for (number, test) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1]))
      try storage.append(entries([1, 2]))
      let node = try TestNode(1, storage: storage)
      node.core.becomeFollower(term: 2, leader: 0)
      try node.step(
        message(
          .append, from: 2, to: 1, term: 2, logTerm: test.logTerm, index: test.index,
          commit: test.commit, entries: test.entries))
      #expect(node.core.log.lastIndex == test.last, "case \(number)")
      #expect(node.core.log.committed == test.committed, "case \(number)")
      let responses = try node.take()
      #expect(responses.count == 1)
      #expect(responses.first?.reject == test.reject, "case \(number)")
    }
  }

  @Test func appendBelowCommitRespondsWithCommit() throws {
    let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
    try storage.append(entries([1, 1, 1, 1]))
    let node = try TestNode(1, storage: storage)
    node.core.becomeFollower(term: 1, leader: 2)
    try node.core.log.commit(to: 3)
    try node.step(
      message(
        .append, from: 2, to: 1, term: 1, logTerm: 1, index: 1, entries: entries([1], after: 1)))
    let responses = try node.take()
    #expect(responses.map(\.index) == [3])
    #expect(responses.map(\.reject) == [false])
    // Also where the entry before is not known any more.
    try node.storage.compact(to: 3)
    try node.step(message(.append, from: 2, to: 1, term: 1, logTerm: 9, index: 1))
    #expect(try node.take().map(\.reject) == [false])
  }

  @Test func testLogSlice() throws {
    let node = try TestNode(1, peers: [1, 2])
    node.core.becomeFollower(term: 1, leader: 2)
    #expect(throws: RaftError.self) {
      try node.step(
        message(.append, from: 2, to: 1, term: 1, entries: [Entry(term: 1, index: 2)]))
    }
    #expect(node.core.log.lastIndex == 0)
  }

  @Test func testHandleHeartbeat() throws {
    for (commit, want) in [(UInt64(3), UInt64(3)), (1, 2)] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
      try storage.append(entries([1, 2, 3]))
      let node = try TestNode(1, election: 5, storage: storage)
      node.core.becomeFollower(term: 2, leader: 2)
      try node.core.log.commit(to: 2)
      try node.step(message(.heartbeat, from: 2, to: 1, term: 2, commit: commit))
      #expect(node.core.log.committed == want)
      #expect(try node.take().map(\.type) == [.heartbeatResponse])
    }
  }

  @Test func testBcastBeat() throws {
    let storage = MemoryStorage()
    try storage.applySnapshot(snapshot(at: 1000, term: 1, voters: [1, 2, 3]))
    let node = try TestNode(1, storage: storage)
    node.core.term = 1
    try node.becomeLeader()
    for index in 0..<10 { _ = try node.append(Entry(data: [UInt8(index)])) }
    try node.drain()
    let committed: UInt64 = 1000
    node.withProgress(2) {
      $0.match = 5
      $0.next = 6
    }
    let last = node.core.log.lastIndex
    node.withProgress(3) {
      $0.match = last
      $0.next = last + 1
    }
    node.core.messages = []
    try node.step(Message(.beat, to: 1, from: 1))
    let sent = node.core.messages
    #expect(sent.map(\.to) == [2, 3])
    #expect(sent.map(\.commit) == [5, committed])
    for message in sent {
      #expect(message.type == .heartbeat)
      #expect(message.index == 0 && message.logTerm == 0 && message.entries.isEmpty)
    }
  }

  @Test func testRecvMsgBeat() throws {
    for (role, count) in [(Role.leader, 2), (.candidate, 0), (.follower, 0)] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([0, 1]))
      let node = try TestNode(1, storage: storage)
      node.core.term = 1
      node.core.role = role
      try node.step(Message(.beat, to: 1, from: 1))
      let sent = try node.take()
      #expect(sent.count == count)
      #expect(sent.allSatisfy { $0.type == .heartbeat })
    }
  }
}
