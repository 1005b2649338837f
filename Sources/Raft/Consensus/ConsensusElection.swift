// Campaigns and votes.
extension Consensus {
  /// Starts a campaign, if the node may.
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

  /// Whether committed entries that are not applied yet change the membership.
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
        // Counts only once the vote is durable, like anyone else's.
        let answer: MessageType = type == .vote ? .voteResponse : .preVoteResponse
        try send(Message(answer, to: voter, term: voteTerm))
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

  /// Answers a vote request of the own term, or a pre-vote of any term that is not below it.
  mutating func handleVoteRequest(_ message: borrowing Message) throws(RaftError) {
    let from = message.from
    let type = message.type
    let theirs = EntryID(term: message.logTerm, index: message.index)
    let canVote =
      vote == from
      || (vote == NodeID.none && leader == NodeID.none)
      || (type == .preVote && message.term > term)
    let last = try log.lastEntryID()
    let answerType: MessageType = type == .vote ? .voteResponse : .preVoteResponse
    let upToDate = try log.isUpToDate(theirs)
    let preferred = theirs.index > last.index || priority <= message.priority
    let granted = canVote && upToDate && preferred
    sink.info(
      "\(self.id.hex) [logterm: \(last.term), index: \(last.index), vote: \(self.vote.hex)] "
        + (granted ? "cast \(type) for" : "rejected \(type) from")
        + " \(from.hex) [logterm: \(theirs.term), index: \(theirs.index)] at term \(self.term)")
    guard granted else {
      var answer = Message(answerType, to: from, term: term)
      answer.reject = true
      try send(answer)
      return
    }
    // A pre-vote is granted at the term asked for, which is not the own one yet.
    try send(Message(answerType, to: from, term: message.term))
    if type == .vote {
      electionElapsed = 0
      vote = from
    }
  }

  /// Counts a vote, and tells how the election stands.
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
