import Runtime
import Testing

@testable import Raft

/// Messages that no correct member sends: each is refused or ignored, none ends the node, and what the node
/// holds stays consistent.
@Suite struct HostileMessageTests {
  /// A member of {1, 2, 3} with a log of ten entries, of which six are committed and two compacted.
  private struct NodeUnderTest {
    var raw: RawNode<MemoryStorage>
    let storage: MemoryStorage

    init(_ role: Role, seed: UInt64) throws {
      storage = MemoryStorage(confState: ConfState(voters: [1, 2, 3]))
      try storage.append(entries([1, 1, 1, 1, 2, 2, 2, 3, 3, 3]))
      storage.setHardState(HardState(term: 3, vote: 0, commit: 6))
      _ = try storage.createSnapshot(at: 4, confState: ConfState(voters: [1, 2, 3]), data: [1])
      try storage.compact(to: 2)
      var config = Config(id: 1)
      config.checkQuorum = true
      config.preVote = seed.isMultiple(of: 2)
      config.seed = seed
      raw = try RawNode(config: config, storage: storage)
      if role == .follower { return }
      try raw.campaign()
      try settle()
      if role == .leader {
        let type: MessageType = config.preVote ? .preVoteResponse : .voteResponse
        try raw.step(message(type, from: 2, to: 1, term: config.preVote ? 4 : raw.term))
        try settle()
        if config.preVote {
          try raw.step(message(.voteResponse, from: 2, to: 1, term: raw.term))
          try settle()
        }
        #expect(raw.isLeader)
      }
    }

    /// Stores, applies and advances until nothing is left to do.
    mutating func settle() throws {
      while raw.hasReady {
        let ready = try raw.ready()
        if let state = ready.hardState { storage.setHardState(state) }
        if let snapshot = ready.snapshot { try storage.applySnapshot(snapshot) }
        try storage.append(ready.entries)
        for entry in ready.committedEntries {
          if let change = try? ConfChangeV2.carried(by: entry) { try raw.applyConfChange(change) }
        }
        try raw.advance()
      }
    }
  }

  /// A message near what could be correct: numbers close to the node's own, at the borders, or arbitrary.
  private func randomMessage(_ node: RawNode<MemoryStorage>, _ random: inout SplitMix64) -> Message
  {
    func number(near value: UInt64) -> UInt64 {
      switch UInt64.random(in: 0..<10, using: &random) {
      case 0: 0
      case 1:
        [1, 1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, .max - 1, .max].randomElement(
          using: &random) ?? 0
      case 2: random.next() >> UInt64.random(in: 0..<64, using: &random)
      default: value &+ UInt64.random(in: 0...6, using: &random) &- min(value, 3)
      }
    }
    let type = MessageType.allCases.randomElement(using: &random) ?? .append
    var message = Message(
      type, to: 1, from: [1, 2, 3, 3, 2, 4, 0].randomElement(using: &random) ?? 2,
      term: Bool.random(using: &random) ? node.term : number(near: node.term))
    message.logTerm = number(near: node.term)
    message.index = number(near: node.lastIndex)
    message.commit = number(near: node.committed)
    message.rejectHint = number(near: node.lastIndex)
    message.reject = Bool.random(using: &random)
    if Bool.random(using: &random) {
      message.context = (0..<8).map { _ in UInt8.random(in: 0...2, using: &random) }
    }
    for offset in 0..<UInt64.random(in: 0...3, using: &random) {
      var entry = Entry(
        term: number(near: node.term),
        index: Bool.random(using: &random) ? message.index &+ offset &+ 1 : number(near: 10))
      entry.type =
        [.normal, .normal, .confChange, .confChangeV2].randomElement(using: &random)
        ?? .normal
      message.entries.append(entry)
    }
    if type == .snapshot, Bool.random(using: &random) {
      let ids: [UInt64] = [0, 1, 2, 3, 3, 9]
      func some() -> [UInt64] { ids.filter { _ in Bool.random(using: &random) } }
      var state = ConfState(voters: Bool.random(using: &random) ? [1, 2, 3] : some())
      if Int.random(in: 0..<4, using: &random) == 0 {
        state.learners = some()
        state.votersOutgoing = some()
        state.learnersNext = some()
      }
      message.snapshot = Snapshot(
        metadata: SnapshotMetadata(
          confState: state, index: number(near: node.lastIndex), term: number(near: node.term)))
    }
    return message
  }

  @Test(arguments: [Role.follower, .candidate, .leader])
  func randomMessagesNeverStopANode(_ role: Role) throws {
    var refused = 0
    for seed in 0..<150 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var target = try NodeUnderTest(role, seed: seed)
      for step in 0..<120 {
        let before = (target.raw.term, target.raw.committed, target.raw.lastIndex)
        let sent = randomMessage(target.raw, &random)
        do {
          try target.raw.step(sent)
        } catch {
          #expect(!error.isFatal, "seed \(seed), step \(step), \(sent): \(error)")
          if error.isFatal { return }
          refused += 1
          let after = (target.raw.term, target.raw.committed, target.raw.lastIndex)
          if error != .proposalDropped {
            #expect(before == after, "seed \(seed), step \(step): a refused message changed it")
          }
        }
        try target.settle()
        #expect(
          target.raw.term >= before.0 && target.raw.committed >= before.1,
          "seed \(seed), step \(step), \(sent): from \(before)")
        #expect(target.raw.committed <= target.raw.lastIndex)
        if Int.random(in: 0..<8, using: &random) == 0 { try target.raw.tick() }
      }
    }
    #expect(refused > 1000)
  }

  /// What was seen to end a store: a leader of another cluster whose ids come out equal.
  @Test func aHeartbeatWithACommitAboveTheLogIsRefused() throws {
    var target = try NodeUnderTest(.follower, seed: 1)
    let heartbeat = message(.heartbeat, from: 2, to: 1, term: 4, commit: 210)
    let error = #expect(throws: RaftError.self) { try target.raw.step(heartbeat) }
    guard case .impossible = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(target.raw.term == 3 && target.raw.committed == 6 && target.raw.leaderID == NodeID.none)
  }

  @Test func aTermHasOneLeader() throws {
    var target = try NodeUnderTest(.follower, seed: 1)
    try target.raw.step(message(.heartbeat, from: 2, to: 1, term: 4, commit: 6))
    for type in [MessageType.append, .heartbeat, .snapshot, .timeoutNow] {
      #expect(throws: RaftError.self) {
        try target.raw.step(message(type, from: 3, to: 1, term: 4))
      }
      #expect(target.raw.leaderID == 2 && target.raw.term == 4 && target.raw.role == .follower)
    }
  }

  @Test func aMessageCannotExhaustTheTerms() throws {
    var target = try NodeUnderTest(.follower, seed: 1)
    #expect(throws: RaftError.self) {
      try target.raw.step(
        message(.vote, from: 9, to: 1, term: 1 << 61, logTerm: 1 << 61, index: 99))
    }
    #expect(target.raw.term == 3)
  }

  @Test func aReadIsNotConfirmedBeforeItIsRequested() throws {
    var target = try NodeUnderTest(.leader, seed: 1)
    let early = message(
      .heartbeatResponse, from: 2, to: 1, term: target.raw.term,
      context: [200, 0, 0, 0, 0, 0, 0, 0])
    #expect(throws: RaftError.self) { try target.raw.step(early) }
    try target.raw.step(message(.appendResponse, from: 2, to: 1, term: target.raw.term, index: 11))
    try target.settle()
    try target.raw.readIndex(context: [7])
    #expect(try target.raw.ready().readStates.isEmpty)
  }
}
