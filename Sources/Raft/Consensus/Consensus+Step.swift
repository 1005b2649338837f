// The entry of every message, and the types that are handled alike in every role.
extension Consensus {
  /// Handles one message. Its term is compared first: a higher one is adopted, a lower one is ignored
  /// or rejected. Term 0 belongs to local messages and to forwarded ones.
  mutating func step(_ message: Message) throws(RaftError) {
    if message.term != 0 && message.term != term {
      guard try checkTerm(message) else { return }
    }
    switch message.type {
    case .hup:
      try hup(options.preVote ? .preElection : .election)
    case .storageAppendResponse:
      if message.index != 0 { log.unstable.stable(to: message.index, term: message.logTerm) }
      if let snapshot = message.snapshot { try appliedSnapshot(snapshot) }
    case .storageApplyResponse:
      guard let last = message.entries.last else { return }
      try applied(to: last.index, size: EntryLimits.encodedSize(of: message.entries))
      let payload = EntryLimits.payloadSize(of: message.entries)
      uncommittedSize -= min(uncommittedSize, payload)
      try sendOwedCommit()
    case .vote, .preVote:
      try handleVoteRequest(message)
    default:
      switch role {
      case .follower: try stepFollower(message)
      case .candidate, .preCandidate: try stepCandidate(message)
      case .leader: try stepLeader(message)
      }
    }
  }

  /// Whether a message of another term is to be handled. Adopts a higher term, unless the message is a
  /// pre-vote or a vote request that the lease forbids.
  private mutating func checkTerm(_ message: borrowing Message) throws(RaftError) -> Bool {
    guard message.term > term else {
      try respondToLowerTerm(message)
      return false
    }
    let type = message.type
    let from = message.from
    let theirTerm = message.term
    if type == .vote || type == .preVote {
      let forced = message.context == CampaignKind.transferContext
      let inLease =
        options.checkQuorum && leader != NodeID.none && electionElapsed < options.electionTick
      if !forced && inLease {
        try logIgnoredVote(message)
        return false
      }
    }
    switch type {
    case .preVote: return true
    case .preVoteResponse where !message.reject: return true
    default: break
    }
    sink.info(
      "\(self.id.hex) [term: \(self.term)] received a \(type) message with higher term from "
        + "\(from.hex) [term: \(theirTerm)]")
    let fromLeader = type == .append || type == .heartbeat || type == .snapshot
    becomeFollower(term: theirTerm, leader: fromLeader ? from : NodeID.none)
    return true
  }

  private func logIgnoredVote(_ message: borrowing Message) throws(RaftError) {
    let last = try log.lastEntryID()
    let request =
      "\(message.type) from \(message.from.hex) [logterm: \(message.logTerm), "
      + "index: \(message.index)]"
    sink.info(
      "\(self.id.hex) [logterm: \(last.term), index: \(last.index), vote: \(self.vote.hex)] "
        + "ignored \(request) at term \(self.term): lease is not expired "
        + "(remaining ticks: \(self.options.electionTick - self.electionElapsed))")
  }

  private mutating func respondToLowerTerm(_ message: borrowing Message) throws(RaftError) {
    let type = message.type
    let from = message.from
    let theirTerm = message.term
    if (options.checkQuorum || options.preVote) && (type == .heartbeat || type == .append) {
      // Makes the leader of an old term step down. This node ignores its heartbeats, and with pre-vote or
      // check-quorum a vote request of this node would not reach it.
      try send(Message(.appendResponse, to: from))
    } else if type == .preVote {
      let last = try log.lastEntryID()
      let theirs = EntryID(term: message.logTerm, index: message.index)
      sink.info(
        "\(self.id.hex) [logterm: \(last.term), index: \(last.index), vote: \(self.vote.hex)] "
          + "rejected \(type) from \(from.hex) [logterm: \(theirs.term), index: "
          + "\(theirs.index)] at term \(self.term)")
      var response = Message(.preVoteResponse, to: from, term: term)
      response.reject = true
      try send(response)
    } else if type == .storageAppendResponse {
      if message.index != 0 {
        // The entries may have been replaced since. A later response reports the present ones.
        sink.info(
          "\(self.id.hex) [term: \(self.term)] ignored entry appends from a \(type) message "
            + "with lower term [term: \(theirTerm)]")
      }
      if let snapshot = message.snapshot { try appliedSnapshot(snapshot) }
    } else {
      sink.info(
        "\(self.id.hex) [term: \(self.term)] ignored a \(type) message with lower term from "
          + "\(from.hex) [term: \(theirTerm)]")
    }
  }

  private mutating func appliedSnapshot(_ snapshot: Snapshot) throws(RaftError) {
    let index = snapshot.metadata.index
    log.unstable.stableSnapshot(to: index)
    try applied(to: index, size: 0)
  }

  /// Records entries as applied. A leader then proposes to leave a joint configuration that ends
  /// automatically.
  mutating func applied(to index: UInt64, size: UInt64) throws(RaftError) {
    let reached = max(index, log.applied)
    try log.applied(to: reached, size: size)
    guard tracker.config.autoLeave, reached >= pendingConfIndex, role == .leader else { return }
    do {
      try propose([Entry(type: .confChangeV2)])
      sink.info(
        "initiating automatic transition out of joint configuration \(self.tracker.config)")
    } catch {
      if error.isFatal { throw error }
      sink.debug(
        "not initiating automatic transition out of joint configuration "
          + "\(self.tracker.config): \(error)")
    }
  }

  // MARK: Sending

  /// Queues a message for the next ready and sets its sender and term.
  ///
  /// Responses to appends and votes wait in `messagesAfterAppend` until the log is durable: they promise
  /// that this node will not forget what they acknowledge.
  mutating func send(_ outgoing: consuming Message) throws(RaftError) {
    var message = outgoing
    if message.from == NodeID.none { message.from = id }
    let type = message.type
    if type.isVoting {
      guard message.term != 0 else {
        throw sink.abort("term should be set when sending \(type)")
      }
    } else {
      guard message.term == 0 else {
        throw sink.abort("term should not be set when sending \(type) (was \(message.term))")
      }
      // Proposals and reads may be forwarded messages of other nodes, which belong to no term.
      if type != .propose && type != .readIndex { message.term = term }
    }
    switch type {
    case .appendResponse, .voteResponse, .preVoteResponse:
      if messagesAfterAppend.isEmpty { messagesAfterAppend.reserveCapacity(2) }
      messagesAfterAppend.append(message)
    default:
      guard message.to != id else {
        throw sink.abort("message should not be self-addressed when sending \(type)")
      }
      // Capacity for a ready of a group of three: `ready` gives the buffer away.
      if messages.isEmpty { messages.reserveCapacity(4) }
      messages.append(message)
    }
  }
}
