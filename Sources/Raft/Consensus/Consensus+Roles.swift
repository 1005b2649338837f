// Changes of role, and ticks.
extension Consensus {
  /// Clears what belongs to one term or role, and draws a new election timeout.
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

  /// - Parameter leader: the leader of `term`, or `NodeID.none` while it is unknown.
  mutating func becomeFollower(term: UInt64, leader: UInt64) {
    reset(term: term)
    self.leader = leader
    role = .follower
    sink.info("\(self.id.hex) became follower at term \(self.term)")
  }

  /// Raises the term and votes for this node.
  mutating func becomeCandidate() throws(RaftError) {
    guard role != .leader else {
      throw sink.abort("invalid transition [leader -> candidate]")
    }
    reset(term: term + 1)
    vote = id
    role = .candidate
    sink.info("\(self.id.hex) became candidate at term \(self.term)")
  }

  /// Changes neither term nor vote: a pre-vote has no effect on either.
  mutating func becomePreCandidate() throws(RaftError) {
    guard role != .leader else {
      throw sink.abort("invalid transition [leader -> pre-candidate]")
    }
    tracker.resetVotes()
    leader = NodeID.none
    role = .preCandidate
    sink.info("\(self.id.hex) became pre-candidate at term \(self.term)")
  }

  /// Starts to lead the current term with an empty entry: only an entry of its own term lets a leader
  /// commit those of earlier ones.
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
    // The log may hold a membership change that is not applied. Assuming one up to the last index is
    // cheaper than a scan.
    pendingConfIndex = log.lastIndex
    guard try appendEntries([Entry()]) else { throw sink.abort("empty entry was dropped") }
    sink.info("\(self.id.hex) became leader at term \(self.term)")
  }

  // MARK: Ticks

  /// For how many ticks a campaign has been put off by quiesced ticks, if the next tick makes this node campaign; nil
  /// if it does not.
  var campaignDelay: Int? {
    guard role != .leader, electionElapsed + 1 >= randomizedElectionTimeout, isPromotable else {
      return nil
    }
    return electionElapsed + 1 - randomizedElectionTimeout
  }

  /// Campaigns without waiting for the random part of the election timeout. Without effect while a leader is known, and
  /// before the fixed part is over: leases of leaders are shorter than that.
  mutating func campaignEarly() throws(RaftError) -> Bool {
    guard role != .leader, leader == NodeID.none, electionElapsed >= options.electionTick,
      isPromotable
    else { return false }
    electionElapsed = 0
    try hupOnTimeout()
    return true
  }

  private mutating func hupOnTimeout() throws(RaftError) {
    try ignoringRefusal("error occurred during election") { node throws(RaftError) in
      try node.step(Message(.hup, from: node.id))
    }
  }

  /// One tick of the logical clock. True if it led to a campaign, heartbeats or a change of role.
  mutating func tick() throws(RaftError) -> Bool {
    role == .leader ? try tickHeartbeat() : try tickElection()
  }

  private mutating func tickElection() throws(RaftError) -> Bool {
    electionElapsed += 1
    guard electionElapsed >= randomizedElectionTimeout, isPromotable else { return false }
    electionElapsed = 0
    try hupOnTimeout()
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

  /// Runs a step of which only a fatal error counts.
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
