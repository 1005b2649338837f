import Testing

@testable import Raft

/// raft_paper_test: sections 5.1 and 5.2 of the Raft paper.
@Suite struct PaperElectionTests {
  private func checkUpdateTerm(_ role: Role) throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    switch role {
    case .follower: node.core.becomeFollower(term: 1, leader: 2)
    case .candidate: try node.core.becomeCandidate()
    default: try node.becomeLeader()
    }
    try node.step(message(.append, from: 2, to: 1, term: 2))
    #expect(node.core.term == 2)
    #expect(node.core.role == .follower)
  }

  @Test func testFollowerUpdateTermFromMessage() throws { try checkUpdateTerm(.follower) }

  @Test func testCandidateUpdateTermFromMessage() throws { try checkUpdateTerm(.candidate) }

  @Test func testLeaderUpdateTermFromMessage() throws { try checkUpdateTerm(.leader) }

  @Test func testRejectStaleTermMessage() throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    node.core.becomeFollower(term: 2, leader: 0)
    try node.step(message(.append, from: 2, to: 1, term: 1, entries: entries([1])))
    #expect(node.core.leader == NodeID.none && node.core.log.lastIndex == 0)
  }

  @Test func testStartAsFollower() throws {
    #expect(try TestNode(1, peers: [1, 2, 3]).core.role == .follower)
  }

  @Test func testLeaderBcastBeat() throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    try node.becomeLeader()
    for _ in 0..<10 { _ = try node.append(Entry()) }
    _ = try node.take()
    try node.tick()
    let beats = try node.take()
    #expect(
      beats == [
        message(.heartbeat, from: 1, to: 2, term: 1), message(.heartbeat, from: 1, to: 3, term: 1),
      ])
  }

  private func checkNonleaderElection(_ role: Role) throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    if role == .follower {
      node.core.becomeFollower(term: 1, leader: 2)
    } else {
      try node.core.becomeCandidate()
    }
    try node.tick(2 * node.config.electionTick - 1)
    #expect(node.core.term == 2)
    #expect(node.core.role == .candidate)
    let sent = try node.take()
    #expect(node.core.tracker.votes == [Tracker.RecordedVote(id: 1, granted: true)])
    #expect(
      sent == [
        message(.vote, from: 1, to: 2, term: 2), message(.vote, from: 1, to: 3, term: 2),
      ])
  }

  @Test func testFollowerStartElection() throws { try checkNonleaderElection(.follower) }

  @Test func testCandidateStartNewElection() throws { try checkNonleaderElection(.candidate) }

  @Test func testLeaderElectionInOneRoundRPC() throws {
    let cases: [(Int, [UInt64: Bool], Role)] = [
      (1, [:], .leader),
      (3, [2: true, 3: true], .leader), (3, [2: true], .leader),
      (5, [2: true, 3: true, 4: true, 5: true], .leader),
      (5, [2: true, 3: true, 4: true], .leader), (5, [2: true, 3: true], .leader),
      // Refused by a majority.
      (3, [2: false, 3: false], .follower),
      (5, [2: false, 3: false, 4: false, 5: false], .follower),
      (5, [2: true, 3: false, 4: false, 5: false], .follower),
      // Undecided.
      (3, [:], .candidate), (5, [2: true], .candidate), (5, [2: false, 3: false], .candidate),
      (5, [:], .candidate),
    ]
    for (number, (size, votes, role)) in cases.enumerated() {
      let node = try TestNode(1, peers: (1...UInt64(size)).map { $0 })
      try node.step(Message(.hup, to: 1, from: 1))
      try node.drain()
      for id in votes.keys.sorted() {
        try node.step(
          message(
            .voteResponse, from: id, to: 1, term: node.core.term, reject: votes[id] == false))
      }
      #expect(node.core.role == role, "case \(number)")
      #expect(node.core.term == 1)
    }
  }

  @Test func testFollowerVote() throws {
    for (vote, candidate, refused) in [
      (UInt64(0), UInt64(2), false), (0, 3, false), (2, 2, false), (3, 3, false), (2, 3, true),
      (3, 2, true),
    ] {
      let node = try TestNode(1, peers: [1, 2, 3])
      node.core.becomeFollower(term: 1, leader: 0)
      node.core.vote = vote
      try node.step(message(.vote, from: candidate, to: 1, term: 1))
      #expect(
        try node.take() == [
          message(.voteResponse, from: 1, to: candidate, term: 1, reject: refused)
        ])
    }
  }

  @Test func testCandidateFallback() throws {
    for term: UInt64 in [1, 2] {
      let node = try TestNode(1, peers: [1, 2, 3])
      try node.step(Message(.hup, to: 1, from: 1))
      #expect(node.core.role == .candidate)
      try node.step(message(.append, from: 2, to: 1, term: term))
      #expect(node.core.role == .follower)
      #expect(node.core.term == term)
    }
  }

  // MARK: Randomised timeouts

  private func checkTimeoutRandomized(_ role: Role) throws {
    let node = try TestNode(1, peers: [1, 2, 3])
    var seen: Set<Int> = []
    for _ in 0..<(50 * 10) {
      if role == .follower {
        node.core.becomeFollower(term: node.core.term + 1, leader: 2)
      } else {
        try node.core.becomeCandidate()
      }
      _ = try node.take()
      var time = 0
      while try node.take().isEmpty {
        try node.tick()
        time += 1
      }
      seen.insert(time)
    }
    #expect(seen == Set(10...19))
  }

  @Test func testFollowerElectionTimeoutRandomized() throws {
    try checkTimeoutRandomized(.follower)
  }

  @Test func testCandidateElectionTimeoutRandomized() throws {
    try checkTimeoutRandomized(.candidate)
  }

  private func checkNonconflict(_ role: Role) throws {
    let ids = (1...UInt64(5)).map { $0 }
    let nodes = try ids.map { try TestNode($0, peers: ids) }
    var conflicts = 0
    let rounds = 1000
    for _ in 0..<rounds {
      for node in nodes {
        if role == .follower {
          node.core.becomeFollower(term: node.core.term + 1, leader: 0)
        } else {
          try node.core.becomeCandidate()
        }
        _ = try node.take()
      }
      var timedOut = 0
      while timedOut == 0 {
        for node in nodes {
          try node.tick()
          if try !node.take().isEmpty { timedOut += 1 }
        }
      }
      if timedOut > 1 { conflicts += 1 }
    }
    #expect(Double(conflicts) / Double(rounds) <= 0.3)
  }

  @Test func testFollowersElectionTimeoutNonconflict() throws { try checkNonconflict(.follower) }

  @Test func testCandidatesElectionTimeoutNonconflict() throws {
    try checkNonconflict(.candidate)
  }
}
