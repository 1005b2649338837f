import Testing

@testable import Raft

/// Messages that no correct member sends: each is refused or ignored, none ends the node, and what the node
/// holds stays consistent.
@Suite struct HostileMessageTests {
  /// A member of {1, 2, 3} with a log of ten entries, of which six are committed and two compacted.
  private struct Victim {
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
  private func random(_ node: RawNode<MemoryStorage>, _ chance: inout SeededRandom) -> Message {
    func number(near value: UInt64) -> UInt64 {
      switch UInt64.random(in: 0..<10, using: &chance) {
      case 0: 0
      case 1:
        [1, 1 << 31, 1 << 32, 1 << 61, 1 << 62, 1 << 63, .max - 1, .max].randomElement(
          using: &chance) ?? 0
      case 2: chance.next() >> UInt64.random(in: 0..<64, using: &chance)
      default: value &+ UInt64.random(in: 0...6, using: &chance) &- min(value, 3)
      }
    }
    let type = MessageType.allCases.randomElement(using: &chance) ?? .append
    var message = Message(
      type, to: 1, from: [1, 2, 3, 3, 2, 4, 0].randomElement(using: &chance) ?? 2,
      term: Bool.random(using: &chance) ? node.term : number(near: node.term))
    message.logTerm = number(near: node.term)
    message.index = number(near: node.lastIndex)
    message.commit = number(near: node.committed)
    message.rejectHint = number(near: node.lastIndex)
    message.reject = Bool.random(using: &chance)
    if Bool.random(using: &chance) {
      message.context = (0..<8).map { _ in UInt8.random(in: 0...2, using: &chance) }
    }
    for place in 0..<UInt64.random(in: 0...3, using: &chance) {
      var entry = Entry(
        term: number(near: node.term),
        index: Bool.random(using: &chance) ? message.index &+ place &+ 1 : number(near: 10))
      entry.type =
        [.normal, .normal, .confChange, .confChangeV2].randomElement(using: &chance)
        ?? .normal
      message.entries.append(entry)
    }
    if type == .snapshot, Bool.random(using: &chance) {
      let ids: [UInt64] = [0, 1, 2, 3, 3, 9]
      func some() -> [UInt64] { ids.filter { _ in Bool.random(using: &chance) } }
      var state = ConfState(voters: Bool.random(using: &chance) ? [1, 2, 3] : some())
      if Int.random(in: 0..<4, using: &chance) == 0 {
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
  func randomMessagesNeverEndANode(_ role: Role) throws {
    var refused = 0
    for seed in 0..<150 as Range<UInt64> {
      var chance = SeededRandom(seed: seed)
      var victim = try Victim(role, seed: seed)
      for step in 0..<120 {
        let before = (victim.raw.term, victim.raw.committed, victim.raw.lastIndex)
        let sent = random(victim.raw, &chance)
        do {
          try victim.raw.step(sent)
        } catch {
          #expect(!error.isFatal, "seed \(seed), step \(step), \(sent): \(error)")
          if error.isFatal { return }
          refused += 1
          let after = (victim.raw.term, victim.raw.committed, victim.raw.lastIndex)
          if error != .proposalDropped {
            #expect(before == after, "seed \(seed), step \(step): a refused message changed it")
          }
        }
        try victim.settle()
        #expect(
          victim.raw.term >= before.0 && victim.raw.committed >= before.1,
          "seed \(seed), step \(step), \(sent): from \(before)")
        #expect(victim.raw.committed <= victim.raw.lastIndex)
        if Int.random(in: 0..<8, using: &chance) == 0 { try victim.raw.tick() }
      }
    }
    #expect(refused > 1000)
  }

  /// What was seen to end a store: a leader of another cluster whose ids come out equal.
  @Test func aHeartbeatThatCommitsWhatIsNotHeldIsRefused() throws {
    var victim = try Victim(.follower, seed: 1)
    let heartbeat = message(.heartbeat, from: 2, to: 1, term: 4, commit: 210)
    let error = #expect(throws: RaftError.self) { try victim.raw.step(heartbeat) }
    guard case .impossible = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(victim.raw.term == 3 && victim.raw.committed == 6 && victim.raw.leaderID == NodeID.none)
  }

  @Test func aTermHasOneLeader() throws {
    var victim = try Victim(.follower, seed: 1)
    try victim.raw.step(message(.heartbeat, from: 2, to: 1, term: 4, commit: 6))
    for type in [MessageType.append, .heartbeat, .snapshot, .timeoutNow] {
      #expect(throws: RaftError.self) {
        try victim.raw.step(message(type, from: 3, to: 1, term: 4))
      }
      #expect(victim.raw.leaderID == 2 && victim.raw.term == 4 && victim.raw.role == .follower)
    }
  }

  @Test func oneTermCannotUseUpAllOthers() throws {
    var victim = try Victim(.follower, seed: 1)
    #expect(throws: RaftError.self) {
      try victim.raw.step(
        message(.vote, from: 9, to: 1, term: 1 << 61, logTerm: 1 << 61, index: 99))
    }
    #expect(victim.raw.term == 3)
  }

  @Test func aReadIsNotConfirmedBeforeItIsAsked() throws {
    var victim = try Victim(.leader, seed: 1)
    let early = message(
      .heartbeatResponse, from: 2, to: 1, term: victim.raw.term,
      context: [200, 0, 0, 0, 0, 0, 0, 0])
    #expect(throws: RaftError.self) { try victim.raw.step(early) }
    try victim.raw.step(message(.appendResponse, from: 2, to: 1, term: victim.raw.term, index: 11))
    try victim.settle()
    try victim.raw.readIndex(context: [7])
    #expect(try victim.raw.ready().readStates.isEmpty)
  }
}
