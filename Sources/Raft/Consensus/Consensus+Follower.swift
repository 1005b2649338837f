// Messages of the current term at a follower.
extension Consensus {
  mutating func stepFollower(_ message: Message) throws(RaftError) {
    switch message.type {
    case .propose:
      guard leader != NodeID.none else {
        sink.info("\(self.id.hex) no leader at term \(self.term); dropping proposal")
        throw .proposalDropped
      }
      if options.disableProposalForwarding {
        sink.info(
          "\(self.id.hex) not forwarding to leader \(self.leader.hex) at term \(self.term); "
            + "dropping proposal")
        throw .proposalDropped
      }
      try forward(message)
    case .append, .heartbeat, .snapshot:
      electionElapsed = 0
      leader = message.from
      try handleFromLeader(message)
    case .transferLeader:
      guard leader != NodeID.none else {
        sink.info(
          "\(self.id.hex) no leader at term \(self.term); dropping leader transfer msg")
        return
      }
      try forward(message)
    case .readIndex:
      guard leader != NodeID.none else {
        sink.info("\(self.id.hex) no leader at term \(self.term); dropping index reading msg")
        return
      }
      try forward(message)
    case .forgetLeader: forgetLeader()
    case .timeoutNow:
      sink.info(
        "\(self.id.hex) [term \(self.term)] received MsgTimeoutNow from \(message.from.hex) and "
          + "starts an election to get leadership.")
      // An election without a pre-vote: the leader has asked to be replaced.
      try hup(.transfer)
    case .readIndexResponse: handleReadIndexResponse(message)
    default: break
    }
  }

  /// Sends a message on to the leader, without a term: it belongs to none.
  private mutating func forward(_ message: Message) throws(RaftError) {
    var forwarded = message
    forwarded.to = leader
    forwarded.term = 0
    try send(forwarded)
  }

  private mutating func forgetLeader() {
    if options.readOnlyOption == .leaseBased {
      // Forgetting the leader would break the lease its reads rely on.
      sink.error("ignoring MsgForgetLeader due to ReadOnlyLeaseBased")
      return
    }
    guard leader != NodeID.none else { return }
    sink.info("\(self.id.hex) forgetting leader \(self.leader.hex) at term \(self.term)")
    leader = NodeID.none
  }

  // MARK: Messages of the leader

  /// Handles a message that only the leader of the current term sends.
  mutating func handleFromLeader(_ message: Message) throws(RaftError) {
    switch message.type {
    case .append: try handleAppend(message)
    case .heartbeat: try handleHeartbeat(message)
    case .snapshot: try handleSnapshot(message)
    default: break
    }
  }

  private mutating func handleAppend(_ message: borrowing Message) throws(RaftError) {
    let previous = EntryID(term: message.logTerm, index: message.index)
    var response = Message(.appendResponse, to: message.from)
    if previous.index < log.committed {
      response.index = log.committed
      try send(response)
      return
    }
    try checkContiguous(message.entries, after: previous.index)
    let appended = try log.maybeAppend(
      after: previous, message.entries, leaderCommit: message.commit)
    if let lastNew = appended {
      response.index = lastNew
      try send(response)
      return
    }
    let held = try log.termIfHeld(at: previous.index) ?? 0
    let from = message.from
    sink.debug(
      "\(self.id.hex) [logterm: \(held), index: \(previous.index)] rejected MsgApp [logterm: "
        + "\(previous.term), index: \(previous.index)] from \(from.hex)")
    // The hint is the last entry that the leader's log can share with this one, so that the leader
    // skips a whole term per rejection instead of one index.
    let hint = try log.findConflict(
      byTerm: previous.term, from: min(previous.index, log.lastIndex))
    response.index = previous.index
    response.reject = true
    response.rejectHint = hint.index
    response.logTerm = hint.term
    try send(response)
  }

  /// Throws unless the entries follow `index` without a gap.
  private func checkContiguous(
    _ entries: borrowing [Entry], after index: UInt64
  ) throws(RaftError) {
    var expected = index
    for position in entries.indices {
      expected += 1
      guard entries[position].index == expected else {
        throw .malformed("MsgApp with entry \(entries[position].index), expected \(expected)")
      }
    }
  }

  private mutating func handleHeartbeat(_ message: borrowing Message) throws(RaftError) {
    try log.commit(to: message.commit)
    var response = Message(.heartbeatResponse, to: message.from)
    response.context = message.context
    try send(response)
  }

  private mutating func handleSnapshot(_ message: borrowing Message) throws(RaftError) {
    let snapshot = message.snapshot ?? Snapshot()
    let (index, snapshotTerm) = (snapshot.metadata.index, snapshot.metadata.term)
    var response = Message(.appendResponse, to: message.from)
    if try restore(snapshot) {
      sink.info(
        "\(self.id.hex) [commit: \(self.log.committed)] restored snapshot [index: \(index), "
          + "term: \(snapshotTerm)]")
      response.index = log.lastIndex
    } else {
      sink.info(
        "\(self.id.hex) [commit: \(self.log.committed)] ignored snapshot [index: \(index), "
          + "term: \(snapshotTerm)]")
      response.index = log.committed
    }
    try send(response)
  }

  /// Replaces log and membership by a snapshot. False if it is ignored: it is not ahead of the commit
  /// index, or the log already holds its last entry (then only the commit index moves).
  mutating func restore(_ snapshot: Snapshot) throws(RaftError) -> Bool {
    let (index, snapshotTerm) = (snapshot.metadata.index, snapshot.metadata.term)
    if index <= log.committed { return false }
    if role != .follower {
      sink.warning(
        "\(self.id.hex) attempted to restore snapshot as leader; should never happen")
      becomeFollower(term: term + 1, leader: NodeID.none)
      return false
    }
    let state = snapshot.metadata.confState
    guard state.contains(id) else {
      sink.warning(
        "\(self.id.hex) attempted to restore snapshot but it is not in the ConfState \(state); "
          + "should never happen")
      return false
    }
    if try log.matches(EntryID(term: snapshotTerm, index: index)) {
      let last = try log.lastEntryID()
      sink.info(
        "\(self.id.hex) [commit: \(self.log.committed), lastindex: \(last.index), lastterm: "
          + "\(last.term)] fast-forwarded commit to snapshot [index: \(index), term: "
          + "\(snapshotTerm)]")
      try log.commit(to: index)
      return false
    }
    log.restore(snapshot)
    try install(state)
    let last = try log.lastEntryID()
    sink.info(
      "\(self.id.hex) [commit: \(self.log.committed), lastindex: \(last.index), lastterm: "
        + "\(last.term)] restored snapshot [index: \(index), term: \(snapshotTerm)]")
    return true
  }
}
