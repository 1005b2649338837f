// What a follower does with messages of its term.
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
      // Never a pre-vote: the leader wants to be replaced.
      try hup(.transfer)
    case .readIndexResponse: handleReadIndexResponse(message)
    default: break
    }
  }

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

  // MARK: From the leader

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
    var answer = Message(.appendResponse, to: message.from)
    if previous.index < log.committed {
      answer.index = log.committed
      try send(answer)
      return
    }
    try checkContiguous(message.entries, after: previous.index)
    let appended = try log.maybeAppend(
      after: previous, message.entries, leaderCommit: message.commit)
    if let lastNew = appended {
      answer.index = lastNew
      try send(answer)
      return
    }
    let held = try log.termIfHeld(at: previous.index) ?? 0
    let from = message.from
    sink.debug(
      "\(self.id.hex) [logterm: \(held), index: \(previous.index)] rejected MsgApp [logterm: "
        + "\(previous.term), index: \(previous.index)] from \(from.hex)")
    // Tells the leader where to look next: the last entry it can possibly share.
    let hint = try log.findConflict(
      byTerm: previous.term, from: min(previous.index, log.lastIndex))
    answer.index = previous.index
    answer.reject = true
    answer.rejectHint = hint.index
    answer.logTerm = hint.term
    try send(answer)
  }

  private func checkContiguous(
    _ entries: borrowing [Entry], after index: UInt64
  ) throws(RaftError) {
    var expected = index
    for place in entries.indices {
      expected += 1
      guard entries[place].index == expected else {
        throw .malformed("MsgApp with entry \(entries[place].index) in the place of \(expected)")
      }
    }
  }

  private mutating func handleHeartbeat(_ message: borrowing Message) throws(RaftError) {
    try log.commit(to: message.commit)
    var answer = Message(.heartbeatResponse, to: message.from)
    answer.context = message.context
    try send(answer)
  }

  private mutating func handleSnapshot(_ message: borrowing Message) throws(RaftError) {
    let snapshot = message.snapshot ?? Snapshot()
    let (index, snapshotTerm) = (snapshot.metadata.index, snapshot.metadata.term)
    var answer = Message(.appendResponse, to: message.from)
    if try restore(snapshot) {
      sink.info(
        "\(self.id.hex) [commit: \(self.log.committed)] restored snapshot [index: \(index), "
          + "term: \(snapshotTerm)]")
      answer.index = log.lastIndex
    } else {
      sink.info(
        "\(self.id.hex) [commit: \(self.log.committed)] ignored snapshot [index: \(index), "
          + "term: \(snapshotTerm)]")
      answer.index = log.committed
    }
    try send(answer)
  }

  /// Replaces log and membership by a snapshot; false if it is of no use.
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
