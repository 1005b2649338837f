/// The kind of a campaign.
enum CampaignKind: Sendable, Equatable {
  /// Asks voters whether an election could be won. Raises no term and stores no vote.
  case preElection
  case election
  /// An election on the request of the leader. Voters do not reject it because of the leader's lease.
  case transfer

  /// The `context` of vote requests of a transfer, as in etcd.
  static let transferContext = Array("CampaignTransfer".utf8)
}

// Campaigns and votes.
extension Consensus {
  /// Starts a campaign. Without effect on a leader, on a node that is not promotable, and while a
  /// committed membership change is not applied: the node does not know yet who votes.
  mutating func hup(_ kind: CampaignKind) throws(RaftError) {
    if role == .leader {
      sink.debug("\(self.id.hex) ignoring MsgHup because already leader")
      return
    }
    if !isPromotable {
      sink.warning("\(self.id.hex) is unpromotable and can not campaign")
      return
    }
    if try hasUnappliedConfChanges() {
      sink.warning(
        "\(self.id.hex) cannot campaign at term \(self.term) since there are still pending "
          + "configuration changes to apply")
      return
    }
    sink.info("\(self.id.hex) is starting a new election at term \(self.term)")
    try campaign(kind)
  }

  /// Whether an entry that is committed and not yet applied changes the membership.
  private func hasUnappliedConfChanges() throws(RaftError) -> Bool {
    guard log.applied < log.committed else { return false }
    let lo = log.applied + 1
    let hi = log.committed + 1
    var found = false
    do {
      try log.scan(from: lo, to: hi, pageSize: log.maxApplyingSize) { page throws(RaftError) in
        found = page.contains(where: \.isConfChange)
        return !found
      }
    } catch {
      throw sink.abort("error scanning unapplied entries [\(lo), \(hi)): \(error)")
    }
    return found
  }

  /// Becomes candidate or pre-candidate and sends vote requests to all voters.
  mutating func campaign(_ kind: CampaignKind) throws(RaftError) {
    if !isPromotable {
      sink.warning("\(self.id.hex) is unpromotable; campaign() should have been called")
    }
    let type: MessageType
    let voteTerm: UInt64
    if kind == .preElection {
      try becomePreCandidate()
      type = .preVote
      voteTerm = term + 1
    } else {
      try becomeCandidate()
      type = .vote
      voteTerm = term
    }
    let last = try log.lastEntryID()
    for voter in tracker.config.voters.ids.ids {
      if voter == id {
        // Sent to itself: the own vote counts only once it is durable.
        let response: MessageType = type == .vote ? .voteResponse : .preVoteResponse
        try send(Message(response, to: voter, term: voteTerm))
        continue
      }
      sink.info(
        "\(self.id.hex) [logterm: \(last.term), index: \(last.index)] sent \(type) request to "
          + "\(voter.hex) at term \(self.term)")
      var request = Message(type, to: voter, term: voteTerm)
      request.index = last.index
      request.logTerm = last.term
      request.priority = priority
      if kind == .transfer { request.context = CampaignKind.transferContext }
      try send(request)
    }
  }

  /// Responds to a vote request of the own term, or to a pre-vote of that term or a higher one.
  ///
  /// A node votes once per term, and only for a candidate whose log is at least as up to date as its
  /// own (dissertation, section 3.6.1).
  mutating func handleVoteRequest(_ message: borrowing Message) throws(RaftError) {
    let from = message.from
    let type = message.type
    let theirs = EntryID(term: message.logTerm, index: message.index)
    let canVote =
      vote == from
      || (vote == NodeID.none && leader == NodeID.none)
      || (type == .preVote && message.term > term)
    let last = try log.lastEntryID()
    let responseType: MessageType = type == .vote ? .voteResponse : .preVoteResponse
    let upToDate = try log.isUpToDate(theirs)
    let preferred = theirs.index > last.index || priority <= message.priority
    let granted = canVote && upToDate && preferred
    sink.info(
      "\(self.id.hex) [logterm: \(last.term), index: \(last.index), vote: \(self.vote.hex)] "
        + (granted ? "cast \(type) for" : "rejected \(type) from")
        + " \(from.hex) [logterm: \(theirs.term), index: \(theirs.index)] at term \(self.term)")
    guard granted else {
      var response = Message(responseType, to: from, term: term)
      response.reject = true
      try send(response)
      return
    }
    // A pre-vote is granted in the term of the request: this node does not adopt that term.
    try send(Message(responseType, to: from, term: message.term))
    if type == .vote {
      electionElapsed = 0
      vote = from
    }
  }

  /// Records a vote and returns the state of the election.
  mutating func poll(
    from voter: UInt64, _ type: MessageType, granted: Bool
  ) -> (granted: Int, rejected: Int, result: VoteResult) {
    if granted {
      sink.info("\(self.id.hex) received \(type) from \(voter.hex) at term \(self.term)")
    } else {
      sink.info(
        "\(self.id.hex) received \(type) rejection from \(voter.hex) at term \(self.term)")
    }
    tracker.recordVote(from: voter, granted: granted)
    return tracker.tally()
  }
}

// Messages of the current term at a candidate or pre-candidate.
extension Consensus {
  mutating func stepCandidate(_ message: Message) throws(RaftError) {
    let ownResponse: MessageType = role == .preCandidate ? .preVoteResponse : .voteResponse
    switch message.type {
    case .propose:
      sink.info("\(self.id.hex) no leader at term \(self.term); dropping proposal")
      throw .proposalDropped
    case .append, .heartbeat, .snapshot:
      // Another node has won the election of this term.
      becomeFollower(term: message.term, leader: message.from)
      try handleFromLeader(message)
    case ownResponse:
      let tally = poll(from: message.from, message.type, granted: !message.reject)
      sink.info(
        "\(self.id.hex) has received \(tally.granted) \(message.type) votes and "
          + "\(tally.rejected) vote rejections")
      switch tally.result {
      case .won:
        if role == .preCandidate {
          try campaign(.election)
        } else {
          try becomeLeader()
          try broadcastAppend()
        }
      case .lost:
        // Keeps the own term: a rejected pre-vote does not raise it.
        becomeFollower(term: term, leader: NodeID.none)
      case .pending: break
      }
    case .timeoutNow:
      sink.debug(
        "\(self.id.hex) [term \(self.term) state \(self.role)] ignored MsgTimeoutNow from "
          + message.from.hex)
    default: break
    }
  }
}

/// The generator of the election jitter, SplitMix64. Equal seeds give equal timeouts.
struct Jitter {
  private var state: UInt64

  init(seed: UInt64, id: UInt64) {
    state = seed ^ (id &* 0x9e37_79b9_7f4a_7c15)
  }

  /// A random number in `0..<bound`.
  mutating func next(below bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    mixed ^= mixed >> 31
    return Int(mixed.multipliedFullWidth(by: UInt64(bound)).high)
  }
}
