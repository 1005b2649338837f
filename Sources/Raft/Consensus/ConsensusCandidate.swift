// What a candidate or pre-candidate does with messages of its term.
extension Consensus {
  mutating func stepCandidate(_ message: Message) throws(RaftError) {
    let ownAnswer: MessageType = role == .preCandidate ? .preVoteResponse : .voteResponse
    switch message.type {
    case .propose:
      sink.info("\(self.id.hex) no leader at term \(self.term); dropping proposal")
      throw .proposalDropped
    case .append, .heartbeat, .snapshot:
      // Someone has won this term.
      becomeFollower(term: message.term, leader: message.from)
      try handleFromLeader(message)
    case ownAnswer:
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
        // The term of a pre-vote answer is not this node's.
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
