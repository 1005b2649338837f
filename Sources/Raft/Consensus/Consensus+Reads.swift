// Linearizable reads without log entries (dissertation, section 6.4).
extension Consensus {
  /// Handles a read of this node or one forwarded by a follower.
  mutating func handleReadIndex(_ request: Message) throws(RaftError) {
    if tracker.config.voters.isSingleton {
      try respondToRead(request, at: log.committed)
      return
    }
    // Until a leader has committed an entry of its own term, its commit index may be behind entries
    // that an earlier leader has committed.
    guard try hasCommittedInTerm() else {
      reads.waiting.append(request)
      return
    }
    try startRead(request)
  }

  /// Starts the reads that waited for the first commit of the term.
  mutating func releasePendingReadIndexMessages() throws(RaftError) {
    guard !reads.waiting.isEmpty else { return }
    guard try hasCommittedInTerm() else {
      sink.error(
        "pending MsgReadIndex should be released only after first commit in current term")
      return
    }
    let released = reads.waiting
    reads.waiting = []
    for request in released { try startRead(request) }
  }

  private mutating func startRead(_ request: Message) throws(RaftError) {
    switch options.readOnlyOption {
    case .safe:
      reads.queue.add(request, index: log.committed)
      reads.queue.acknowledge(from: id, position: reads.queue.position)
      try broadcastHeartbeat()
    case .leaseBased:
      try respondToRead(request, at: log.committed)
    }
  }

  /// Records a heartbeat response and returns the index of every read that a quorum has confirmed.
  mutating func confirmReads(from peer: UInt64, position: UInt64) throws(RaftError) {
    reads.queue.acknowledge(from: peer, position: position)
    for read in reads.queue.takeConfirmed(by: tracker.config.voters) {
      try respondToRead(read.request, at: read.index)
    }
  }

  /// Returns the index to the requester: as a `ReadState` here, else in a message.
  mutating func respondToRead(_ request: Message, at index: UInt64) throws(RaftError) {
    if request.from == NodeID.none || request.from == id {
      let context = request.entries.first?.data ?? []
      readStates.append(ReadState(index: index, context: context))
      return
    }
    if index > sentCommitIndex { reads.owedCommit = max(reads.owedCommit, index) }
    var response = Message(.readIndexResponse, to: request.from)
    response.index = index
    response.entries = request.entries
    try send(response)
  }

  mutating func handleReadIndexResponse(_ message: Message) {
    guard message.entries.count == 1 else {
      sink.error(
        "\(self.id.hex) invalid format of MsgReadIndexResp from \(message.from.hex), entries "
          + "count: \(message.entries.count)")
      return
    }
    readStates.append(ReadState(index: message.index, context: message.entries[0].data))
  }
}
