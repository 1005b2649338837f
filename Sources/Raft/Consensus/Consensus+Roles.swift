// Changes of role, and ticks.
extension Consensus {
  mutating func reset(term newTerm: UInt64) {
    if term != newTerm {
      term = newTerm
      vote = NodeID.none
    }
    leader = NodeID.none
    electionElapsed = 0
    heartbeatElapsed = 0
    randomizedElectionTimeout = options.electionTick + jitter.next(below: options.electionTick)
    leadTransferee = NodeID.none
    tracker.resetVotes()
    let last = log.lastIndex
    for slot in 0..<tracker.progress.count {
      let inflights = tracker.progress.values[slot].inflights
      tracker.progress.values[slot] = Progress(
        match: tracker.progress.ids[slot] == id ? last : 0, next: last + 1,
        inflights: Inflights(size: inflights.size, maxBytes: inflights.maxBytes),
        isLearner: tracker.progress.values[slot].isLearner)
    }
    pendingConfIndex = 0
    uncommittedSize = 0
    reads.queue = ReadOnlyQueue()
  }

  mutating func becomeFollower(term: UInt64, leader: UInt64) {
    reset(term: term)
    self.leader = leader
    role = .follower
    sink.info("\(self.id.hex) became follower at term \(self.term)")
  }

  mutating func becomeCandidate() throws(RaftError) {
    guard role != .leader else {
      throw sink.abort("invalid transition [leader -> candidate]")
    }
    reset(term: term + 1)
    vote = id
    role = .candidate
    sink.info("\(self.id.hex) became candidate at term \(self.term)")
  }

  /// Changes neither term nor vote: nothing has happened yet.
  mutating func becomePreCandidate() throws(RaftError) {
    guard role != .leader else {
      throw sink.abort("invalid transition [leader -> pre-candidate]")
    }
    tracker.resetVotes()
    leader = NodeID.none
    role = .preCandidate
    sink.info("\(self.id.hex) became pre-candidate at term \(self.term)")
  }

  mutating func becomeLeader() throws(RaftError) {
    guard role != .follower else {
      throw sink.abort("invalid transition [follower -> leader]")
    }
    reset(term: term)
    leader = id
    role = .leader
    if let slot = tracker.progress.slot(of: id) {
      tracker.progress.values[slot].becomeReplicate()
      tracker.progress.values[slot].recentActive = true
    }
    // Whatever is in the log may hold a membership change that is not applied yet.
    pendingConfIndex = log.lastIndex
    guard try appendEntries([Entry()]) else { throw sink.abort("empty entry was dropped") }
    sink.info("\(self.id.hex) became leader at term \(self.term)")
  }

  // MARK: Ticks

  /// One tick of the logical clock; true if it caused anything.
  mutating func tick() throws(RaftError) -> Bool {
    role == .leader ? try tickHeartbeat() : try tickElection()
  }

  private mutating func tickElection() throws(RaftError) -> Bool {
    electionElapsed += 1
    guard electionElapsed >= randomizedElectionTimeout, isPromotable else { return false }
    electionElapsed = 0
    try ignoringRefusal("error occurred during election") { node throws(RaftError) in
      try node.step(Message(.hup, from: node.id))
    }
    return true
  }

  private mutating func tickHeartbeat() throws(RaftError) -> Bool {
    heartbeatElapsed += 1
    electionElapsed += 1
    var acted = false
    if electionElapsed >= options.electionTick {
      electionElapsed = 0
      if options.checkQuorum {
        try ignoringRefusal("error occurred during checking sending heartbeat") {
          node throws(RaftError) in
          try node.step(Message(.checkQuorum, from: node.id))
        }
        acted = role != .leader
      }
      if role == .leader { leadTransferee = NodeID.none }
    }
    guard role == .leader else { return acted }
    if heartbeatElapsed >= options.heartbeatTick {
      heartbeatElapsed = 0
      acted = true
      try ignoringRefusal("error occurred during checking sending heartbeat") {
        node throws(RaftError) in
        try node.step(Message(.beat, from: node.id))
      }
    }
    return acted
  }

  private mutating func ignoringRefusal(
    _ what: String, _ body: (inout Consensus) throws(RaftError) -> Void
  ) throws(RaftError) {
    do {
      try body(&self)
    } catch {
      if error.isFatal { throw error }
      sink.debug("\(what): \(error)")
    }
  }
}
