import Testing

@testable import Raft

/// raft_paper_test: sections 5.3 and 5.4 of the Raft paper.
@Suite struct PaperReplicationTests {
  /// Commits the empty entry of a leader's term.
  private func commitNoop(_ node: TestNode) throws {
    #expect(node.core.role == .leader)
    try node.core.broadcastAppend()
    for sent in try node.take() {
      #expect(sent.type == .append && sent.entries.count == 1 && sent.entries[0].data.isEmpty)
      try node.step(accept(sent))
    }
    _ = try node.take()
    try node.nextEntries()
  }

  private func accept(_ sent: Message) -> Message {
    message(
      .appendResponse, from: sent.to, to: sent.from, term: sent.term,
      index: sent.index + UInt64(sent.entries.count))
  }

  private func leader(_ count: Int = 3) throws -> TestNode {
    let node = try TestNode(1, peers: (1...UInt64(count)).map { $0 })
    try node.becomeLeader()
    // The broadcast of its election.
    try commitNoop(node)
    return node
  }

  @Test func testLeaderStartReplication() throws {
    let node = try leader()
    let last = node.core.log.lastIndex
    try node.propose("some data")
    #expect(node.core.log.lastIndex == last + 1)
    #expect(node.core.log.committed == last)
    let entry = Entry(term: 1, index: last + 1, data: bytes("some data"))
    let sent = try node.take().sorted { $0.to < $1.to }
    #expect(
      sent
        == [2, 3].map {
          message(
            .append, from: 1, to: $0, term: 1, logTerm: 1, index: last, commit: last,
            entries: [entry])
        })
    #expect(node.core.log.unstable.nextEntries() == [entry])
  }

  @Test func testLeaderCommitEntry() throws {
    let node = try leader()
    let last = node.core.log.lastIndex
    try node.propose("some data")
    for sent in try node.take() { try node.step(accept(sent)) }
    #expect(node.core.log.committed == last + 1)
    let sent = try node.take().sorted { $0.to < $1.to }
    #expect(sent.map(\.to) == [2, 3])
    #expect(sent.allSatisfy { $0.type == .append && $0.commit == last + 1 })
    let entry = Entry(term: 1, index: last + 1, data: bytes("some data"))
    #expect(try node.nextEntries() == [entry])
  }

  @Test func testLeaderAcknowledgeCommit() throws {
    let cases: [(Int, [UInt64], Bool)] = [
      (1, [], true), (3, [], false), (3, [2], true), (3, [2, 3], true), (5, [], false),
      (5, [2], false), (5, [2, 3], true), (5, [2, 3, 4], true), (5, [2, 3, 4, 5], true),
    ]
    for (number, (size, acceptors, commits)) in cases.enumerated() {
      let node = try leader(size)
      let last = node.core.log.lastIndex
      try node.propose("some data")
      try node.storage.append(node.core.log.unstable.nextEntries())
      for sent in try node.take() where acceptors.contains(sent.to) {
        try node.step(accept(sent))
      }
      #expect((node.core.log.committed > last) == commits, "case \(number)")
    }
  }

  @Test func testLeaderCommitPrecedingEntries() throws {
    for terms: [UInt64] in [[], [2], [1, 2], [1]] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries(terms))
      storage.setHardState(HardState(term: 2))
      let node = try TestNode(1, storage: storage)
      try node.becomeLeader()
      try node.propose("some data")
      for sent in try node.take() { try node.step(accept(sent)) }
      // The first message may have held less than all.
      for sent in try node.take() { try node.step(accept(sent)) }
      let count = UInt64(terms.count)
      let want =
        entries(terms) + [
          Entry(term: 3, index: count + 1),
          Entry(term: 3, index: count + 2, data: bytes("some data")),
        ]
      #expect(try node.nextEntries() == want)
    }
  }

  @Test func testFollowerCommitEntry() throws {
    let texts = ["some data", "some data2"]
    let all = texts.enumerated().map {
      Entry(term: 1, index: UInt64($0.offset) + 1, data: bytes($0.element))
    }
    for (sent, commit) in [
      ([all[0]], UInt64(1)), (all, 2), (all.reversed().map(\.data).map { Entry(data: $0) }, 2),
      (all, 1),
    ] {
      let node = try TestNode(1, peers: [1, 2, 3])
      node.core.becomeFollower(term: 1, leader: 2)
      let numbered = sent.enumerated().map {
        Entry(term: 1, index: UInt64($0.offset) + 1, data: $0.element.data)
      }
      try node.step(
        message(.append, from: 2, to: 1, term: 1, commit: commit, entries: numbered))
      #expect(node.core.log.committed == commit)
      #expect(try node.nextEntries() == Array(numbered.prefix(Int(commit))))
    }
  }

  @Test func testFollowerCheckMsgApp() throws {
    // previous term and index, then of the response: index, refused, hint, log term
    let cases: [(UInt64, UInt64, UInt64, Bool, UInt64, UInt64)] = [
      // Matches what is committed.
      (0, 0, 1, false, 0, 0), (1, 1, 1, false, 0, 0),
      // Matches what is not.
      (2, 2, 2, false, 0, 0),
      // Differs.
      (1, 2, 2, true, 1, 1),
      // Is missing.
      (3, 3, 3, true, 2, 2),
    ]
    for (number, (term, index, wantIndex, refused, hint, logTerm)) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([1, 2]))
      storage.setHardState(HardState(commit: 1))
      let node = try TestNode(1, storage: storage)
      node.core.becomeFollower(term: 2, leader: 2)
      try node.step(message(.append, from: 2, to: 1, term: 2, logTerm: term, index: index))
      #expect(
        try node.take() == [
          message(
            .appendResponse, from: 1, to: 2, term: 2, logTerm: logTerm, index: wantIndex,
            reject: refused, hint: hint)
        ], "case \(number)")
    }
  }

  @Test func testFollowerAppendEntries() throws {
    // previous, sent terms, whole log's terms, number of unstable ones
    let cases: [(EntryID, [UInt64], [UInt64], Int)] = [
      (EntryID(term: 2, index: 2), [3], [1, 2, 3], 1),
      (EntryID(term: 1, index: 1), [3, 4], [1, 3, 4], 2),
      (EntryID(term: 0, index: 0), [1], [1, 2], 0),
      (EntryID(term: 0, index: 0), [3], [3], 1),
    ]
    for (number, (previous, sent, want, unstable)) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([1, 2]))
      let node = try TestNode(1, storage: storage)
      node.core.becomeFollower(term: 2, leader: 2)
      try node.step(
        message(
          .append, from: 2, to: 1, term: 4, logTerm: previous.term, index: previous.index,
          entries: entries(sent, after: previous.index)))
      #expect(try node.allEntries().map(\.term) == want, "case \(number)")
      #expect(node.core.log.unstable.nextEntries().count == unstable, "case \(number)")
    }
  }

  @Test func testLeaderSyncFollowerLog() throws {
    let leaderTerms: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    let followers: [[UInt64]] = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]
    let term: UInt64 = 8
    for (number, terms) in followers.enumerated() {
      func storage(_ terms: [UInt64], term: UInt64) throws -> MemoryStorage {
        let storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
        try storage.append(entries(terms))
        storage.setHardState(HardState(term: term))
        return storage
      }
      let leaderStorage = try storage(leaderTerms, term: term)
      leaderStorage.setHardState(
        HardState(term: term, commit: UInt64(leaderTerms.count)))
      let one = try TestNode(1, storage: leaderStorage)
      let two = try TestNode(2, storage: try storage(terms, term: term - 1))
      // 3 only votes.
      let network = try TestNetwork([.node(one), .node(two), .deaf])
      try network.campaign(1)
      // 3's vote, for 2 may refuse.
      try network.send(message(.voteResponse, from: 3, to: 1, term: term + 1))
      #expect(one.core.role == .leader, "case \(number)")
      try network.propose(1)
      #expect(try one.allEntries() == two.allEntries(), "case \(number)")
      #expect(one.core.log.committed == two.core.log.committed, "case \(number)")
    }
  }

  @Test func testVoteRequest() throws {
    for (terms, want) in [([UInt64(1)], UInt64(2)), ([1, 2], 3)] {
      let node = try TestNode(1, peers: [1, 2, 3])
      try node.step(
        message(.append, from: 2, to: 1, term: want - 1, entries: entries(terms)))
      _ = try node.take()
      for _ in 1..<(node.config.electionTick * 2) { try node.tick() }
      let sent = try node.take()
      #expect(sent.map(\.to) == [2, 3])
      for request in sent {
        #expect(request.type == .vote && request.term == want)
        #expect(request.index == UInt64(terms.count))
        #expect(request.logTerm == terms.last)
      }
    }
  }

  @Test func testVoter() throws {
    let cases: [([UInt64], UInt64, UInt64, Bool)] = [
      ([1], 1, 1, false), ([1], 1, 2, false), ([1, 1], 1, 1, true),
      ([1], 2, 1, false), ([1], 2, 2, false), ([1, 1], 2, 1, false),
      ([2], 1, 1, true), ([2], 1, 2, true), ([2, 1], 1, 1, true),
    ]
    for (number, (terms, logTerm, index, refused)) in cases.enumerated() {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
      try storage.append(entries(terms))
      let node = try TestNode(1, storage: storage)
      try node.step(message(.vote, from: 2, to: 1, term: 3, logTerm: logTerm, index: index))
      let responses = try node.take()
      #expect(responses.map(\.type) == [.voteResponse])
      #expect(responses.first?.reject == refused, "case \(number)")
    }
  }

  @Test func testLeaderOnlyCommitsLogFromCurrentTerm() throws {
    for (index, want) in [(UInt64(1), UInt64(0)), (2, 0), (3, 3)] {
      let storage = MemoryStorage(confState: ConfState(voters: [1, 2]))
      try storage.append(entries([1, 2]))
      storage.setHardState(HardState(term: 2))
      let node = try TestNode(1, storage: storage)
      try node.becomeLeader()
      _ = try node.take()
      try node.propose("")
      try node.step(message(.appendResponse, from: 2, to: 1, term: 3, index: index))
      #expect(node.core.log.committed == want)
    }
  }
}
