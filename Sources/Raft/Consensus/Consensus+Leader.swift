// Messages of the current term at a leader.
extension Consensus {
  mutating func stepLeader(_ message: Message) throws(RaftError) {
    switch message.type {
    case .beat: try broadcastHeartbeat()
    case .checkQuorum: checkQuorum()
    case .propose: try propose(message.entries)
    case .readIndex: try handleReadIndex(message)
    case .forgetLeader: break
    case .appendResponse, .heartbeatResponse, .snapshotStatus, .unreachable, .transferLeader:
      guard let slot = tracker.progress.slot(of: message.from) else {
        sink.debug("\(self.id.hex) no progress available for \(message.from.hex)")
        return
      }
      try stepLeader(message, from: slot)
    default: break
    }
  }

  private mutating func stepLeader(_ message: Message, from slot: Int) throws(RaftError) {
    switch message.type {
    case .appendResponse:
      tracker.progress.values[slot].recentActive = true
      if message.reject {
        try handleAppendRejection(message, from: slot)
      } else {
        try handleAppendAcknowledgment(message, from: slot)
      }
    case .heartbeatResponse: try handleHeartbeatResponse(message, from: slot)
    case .snapshotStatus: handleSnapshotStatus(message, from: slot)
    case .unreachable:
      if tracker.progress.values[slot].state == .replicate {
        tracker.progress.values[slot].becomeProbe()
      }
      sink.debug(
        "\(self.id.hex) failed to send message to \(message.from.hex) because it is unreachable "
          + "[\(self.tracker.progress.values[slot])]")
    case .transferLeader: try handleTransfer(to: message.from, slot)
    default: break
    }
  }

  /// Steps down unless a quorum was active since the last check, and starts the next period.
  private mutating func checkQuorum() {
    if !tracker.isQuorumActive() {
      sink.warning("\(self.id.hex) stepped down to follower since quorum is not active")
      becomeFollower(term: term, leader: NodeID.none)
    }
    for slot in 0..<tracker.progress.count where tracker.progress.ids[slot] != id {
      tracker.progress.values[slot].recentActive = false
    }
  }

  // MARK: Proposals

  /// Appends entries to the log of the group and sends them to all peers. Throws `proposalDropped`
  /// when nothing was appended.
  mutating func propose(_ proposed: consuming [Entry]) throws(RaftError) {
    var entries = proposed
    guard !entries.isEmpty else {
      sink.log(.fatal) { "\(id.hex) stepped empty MsgProp" }
      throw .malformed("\(id.hex) stepped empty MsgProp")
    }
    // A leader that was removed from the group accepts no proposals.
    guard tracker.progress.contains(id) else { throw .proposalDropped }
    if leadTransferee != NodeID.none {
      sink.debug(
        "\(self.id.hex) [term \(self.term)] transfer leadership to \(self.leadTransferee.hex) "
          + "is in progress; dropping proposal")
      throw .proposalDropped
    }
    var pending = pendingConfIndex
    for position in entries.indices where entries[position].isConfChange {
      guard let change = try ConfChangeV2.carried(by: entries[position]) else { continue }
      if let reason = refusal(of: change, pending: pending),
        !options.disableConfChangeValidation
      {
        sink.info(
          "\(self.id.hex) ignoring conf change \(change) at config \(self.tracker.config): "
            + reason)
        entries[position] = Entry()
      } else {
        pending = log.lastIndex + UInt64(position) + 1
      }
    }
    pendingConfIndex = pending
    guard try appendEntries(entries) else { throw .proposalDropped }
    try broadcastAppend()
  }

  /// Why a change must not be appended now; nil if it may.
  private func refusal(of change: ConfChangeV2, pending: UInt64) -> String? {
    let leaves = change.changes.isEmpty
    if pending > log.applied {
      return "possible unapplied conf change at index \(pending) (applied to \(log.applied))"
    }
    if tracker.config.isJoint && !leaves { return "must transition out of joint config first" }
    if !tracker.config.isJoint && leaves {
      return "not in joint state; refusing empty conf change"
    }
    return nil
  }

  // MARK: Responses of peers

  private mutating func handleAppendRejection(
    _ message: borrowing Message, from slot: Int
  ) throws(RaftError) {
    let (from, rejected) = (message.from, message.index)
    let (hintIndex, hintTerm) = (message.rejectHint, message.logTerm)
    sink.debug(
      "\(self.id.hex) received MsgAppResp(rejected, hint: (index \(hintIndex), term "
        + "\(hintTerm))) from \(from.hex) for index \(rejected)")
    var probe = hintIndex
    if hintTerm > 0 {
      // Skips all entries whose terms are above the peer's: it cannot hold them.
      probe = try log.findConflict(byTerm: hintTerm, from: hintIndex).index
    }
    guard tracker.progress.values[slot].maybeDecrement(rejected: rejected, hint: probe) else {
      return
    }
    sink.debug(
      "\(self.id.hex) decreased progress of \(from.hex) to "
        + "[\(self.tracker.progress.values[slot])]")
    if tracker.progress.values[slot].state == .replicate {
      tracker.progress.values[slot].becomeProbe()
    }
    try sendAppend(to: slot)
  }

  private mutating func handleAppendAcknowledgment(
    _ message: borrowing Message, from slot: Int
  ) throws(RaftError) {
    let (from, index) = (message.from, message.index)
    let updated = tracker.progress.values[slot].maybeUpdate(index)
    let state = tracker.progress.values[slot].state
    let match = tracker.progress.values[slot].match
    guard updated || (match == index && state == .probe) else { return }
    switch state {
    case .probe: tracker.progress.values[slot].becomeReplicate()
    case .snapshot:
      if match + 1 >= log.firstIndex {
        sink.debug(
          "\(self.id.hex) recovered from needing snapshot, resumed sending replication messages "
            + "to \(from.hex) [\(self.tracker.progress.values[slot])]")
        tracker.progress.values[slot].becomeProbe()
        tracker.progress.values[slot].becomeReplicate()
      }
    case .replicate: tracker.progress.values[slot].inflights.free(through: index)
    }
    if try maybeCommit() {
      try releasePendingReadIndexMessages()
      if broadcastsCommit { try broadcastAppend() }
    } else if from != id, broadcastsCommit,
      tracker.progress.values[slot].canBumpCommit(sentCommitIndex)
    {
      try sendAppend(to: slot)
    }
    if from != id {
      // The acknowledgment may have freed more than one message of the window.
      while try maybeSendAppend(to: slot, sendIfEmpty: false) {}
    }
    if from == leadTransferee, tracker.progress.values[slot].match == log.lastIndex {
      sink.info("\(self.id.hex) sent MsgTimeoutNow to \(from.hex) after received MsgAppResp")
      try sendTimeoutNow(to: from)
    }
  }

  private mutating func handleHeartbeatResponse(
    _ message: borrowing Message, from slot: Int
  ) throws(RaftError) {
    tracker.progress.values[slot].recentActive = true
    tracker.progress.values[slot].appendsPaused = false
    if tracker.progress.values[slot].match < log.lastIndex
      || tracker.progress.values[slot].state == .probe
    {
      try sendAppend(to: slot)
    }
    guard options.readOnlyOption == .safe,
      let position = ReadOnlyQueue.decode(message.context)
    else { return }
    try confirmReads(from: message.from, position: position)
  }

  private mutating func handleSnapshotStatus(_ message: borrowing Message, from slot: Int) {
    let from = message.from
    guard tracker.progress.values[slot].state == .snapshot else { return }
    if message.reject {
      tracker.progress.values[slot].pendingSnapshot = 0
      tracker.progress.values[slot].becomeProbe()
      sink.debug(
        "\(self.id.hex) snapshot failed, resumed sending replication messages to \(from.hex) "
          + "[\(self.tracker.progress.values[slot])]")
    } else {
      tracker.progress.values[slot].becomeProbe()
      sink.debug(
        "\(self.id.hex) snapshot succeeded, resumed sending replication messages to "
          + "\(from.hex) [\(self.tracker.progress.values[slot])]")
    }
    // The next append waits for the peer's response to the snapshot; after a failure, for a heartbeat
    // response.
    tracker.progress.values[slot].appendsPaused = true
  }

  // MARK: Leadership transfer

  private mutating func handleTransfer(to target: UInt64, _ slot: Int) throws(RaftError) {
    if tracker.progress.values[slot].isLearner {
      sink.debug("\(self.id.hex) is learner. Ignored transferring leadership")
      return
    }
    let running = leadTransferee
    if running != NodeID.none {
      if running == target {
        sink.info(
          "\(self.id.hex) [term \(self.term)] transfer leadership to \(target.hex) is in "
            + "progress, ignores request to same node \(target.hex)")
        return
      }
      leadTransferee = NodeID.none
      sink.info(
        "\(self.id.hex) [term \(self.term)] abort previous transferring leadership to "
          + running.hex)
    }
    if target == id {
      sink.debug(
        "\(self.id.hex) is already leader. Ignored transferring leadership to self")
      return
    }
    sink.info("\(self.id.hex) [term \(self.term)] starts to transfer leadership to \(target.hex)")
    // A transfer that takes longer than an election timeout is aborted.
    electionElapsed = 0
    leadTransferee = target
    if tracker.progress.values[slot].match == log.lastIndex {
      try sendTimeoutNow(to: target)
      sink.info(
        "\(self.id.hex) sends MsgTimeoutNow to \(target.hex) immediately as \(target.hex) "
          + "already has up-to-date log")
    } else {
      try sendAppend(to: slot)
    }
  }
}
