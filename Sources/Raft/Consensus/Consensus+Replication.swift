// A leader's sending of entries, snapshots and heartbeats.
extension Consensus {
  /// Appends new entries of this term; false if that would exceed the uncommitted limit.
  mutating func appendEntries(_ proposed: consuming [Entry]) throws(RaftError) -> Bool {
    var entries = proposed
    var index = log.lastIndex
    for place in entries.indices {
      index += 1
      entries[place].term = term
      entries[place].index = index
    }
    let size = EntryLimits.payloadSize(of: entries)
    // One oversize proposal passes when nothing is under way, and empty ones always do.
    let room = options.maxUncommittedSize
    if uncommittedSize > 0 && size > 0 && (size > room || uncommittedSize > room - size) {
      sink.warning(
        "\(self.id.hex) appending new entries to log would exceed uncommitted entry size limit; "
          + "dropping proposal")
      return false
    }
    uncommittedSize += size
    try log.append(entries)
    // The leader counts itself only once its own log is durable.
    var answer = Message(.appendResponse, to: id)
    answer.index = index
    try send(answer)
    return true
  }

  mutating func sendAppend(to slot: Int) throws(RaftError) {
    _ = try maybeSendAppend(to: slot, sendIfEmpty: true)
  }

  /// Sends what the peer in `slot` can take; false if nothing was sent.
  mutating func maybeSendAppend(to slot: Int, sendIfEmpty: Bool) throws(RaftError) -> Bool {
    if tracker.progress.values[slot].isPaused { return false }
    let next = tracker.progress.values[slot].next
    guard let previousTerm = try log.termIfHeld(at: next - 1) else {
      return try maybeSendSnapshot(to: slot)
    }
    var entries: [Entry] = []
    let state = tracker.progress.values[slot].state
    if state != .replicate || !tracker.progress.values[slot].inflights.isFull {
      do {
        entries = try log.entries(from: next, maxSize: options.maxSizePerMessage)
      } catch {
        guard error == .storage(.compacted) else { throw error }
        return sendIfEmpty ? try maybeSendSnapshot(to: slot) : false
      }
    }
    if entries.isEmpty && !sendIfEmpty { return false }
    let count = entries.count
    let bytes = EntryLimits.payloadSize(of: entries)
    let peer = tracker.progress.ids[slot]
    if !(options.batchAppend && joinQueuedAppend(to: peer, after: next - 1, entries)) {
      var message = Message(.append, to: peer)
      message.index = next - 1
      message.logTerm = previousTerm
      message.entries = entries
      message.commit = sentCommitIndex
      try send(message)
    }
    tracker.progress.values[slot].sentEntries(count, bytes: bytes)
    tracker.progress.values[slot].sentCommit = sentCommitIndex
    return true
  }

  /// Adds entries to the append message to `peer` that is still queued, if they follow it.
  private mutating func joinQueuedAppend(
    to peer: UInt64, after previous: UInt64, _ entries: [Entry]
  ) -> Bool {
    guard let place = messages.lastIndex(where: { $0.to == peer }),
      messages[place].type == .append,
      messages[place].index + UInt64(messages[place].entries.count) == previous
    else { return false }
    messages[place].entries.append(contentsOf: entries)
    messages[place].commit = sentCommitIndex
    return true
  }

  private mutating func maybeSendSnapshot(to slot: Int) throws(RaftError) -> Bool {
    let peer = tracker.progress.ids[slot]
    guard tracker.progress.values[slot].recentActive else {
      sink.debug("ignore sending snapshot to \(peer.hex) since it is not recently active")
      return false
    }
    let snapshot: Snapshot
    do {
      snapshot = try log.snapshot()
    } catch {
      guard error == .snapshotTemporarilyUnavailable else { throw .storage(error) }
      sink.debug(
        "\(self.id.hex) failed to send snapshot to \(peer.hex) because snapshot is "
          + "temporarily unavailable")
      return false
    }
    guard !snapshot.isEmpty else { throw sink.abort("need non-empty snapshot") }
    let (index, snapshotTerm) = (snapshot.metadata.index, snapshot.metadata.term)
    sink.debug(
      "\(self.id.hex) [firstindex: \(self.log.firstIndex), commit: \(self.log.committed)] sent "
        + "snapshot[index: \(index), term: \(snapshotTerm)] to \(peer.hex) "
        + "[\(self.tracker.progress.values[slot])]")
    tracker.progress.values[slot].becomeSnapshot(index)
    sink.debug(
      "\(self.id.hex) paused sending replication messages to \(peer.hex) "
        + "[\(self.tracker.progress.values[slot])]")
    var message = Message(.snapshot, to: peer)
    message.snapshot = snapshot
    try send(message)
    return true
  }

  mutating func broadcastAppend() throws(RaftError) {
    for slot in 0..<tracker.progress.count where tracker.progress.ids[slot] != id {
      try sendAppend(to: slot)
    }
  }

  mutating func broadcastHeartbeat() throws(RaftError) {
    let context = reads.queue.heartbeatContext
    for slot in 0..<tracker.progress.count where tracker.progress.ids[slot] != id {
      // A peer may only be instructed to commit what is known to match.
      let commit = min(tracker.progress.values[slot].match, sentCommitIndex)
      var message = Message(.heartbeat, to: tracker.progress.ids[slot])
      message.commit = commit
      message.context = context
      try send(message)
      tracker.progress.values[slot].sentCommit = commit
    }
  }

  /// Commits what a quorum holds, if the last of it is of this term.
  mutating func maybeCommit() throws(RaftError) -> Bool {
    let index = tracker.committedIndex()
    guard index > log.committed else { return false }
    return try log.maybeCommit(EntryID(term: term, index: index))
  }

  /// The commit index as other members may know it.
  var sentCommitIndex: UInt64 {
    guard options.broadcastsAppliedOnly else { return log.committed }
    return min(log.committed, max(log.applied, broadcastApplied))
  }

  /// Whether a commit advance is worth messages of its own. One that may not be told yet is not.
  var broadcastsCommit: Bool {
    !skipBroadcastCommit || (pendingConfIndex > log.applied && !options.broadcastsAppliedOnly)
  }

  /// As leader: notifies the followers that wait to read what has become known to be applied.
  mutating func sendOwedCommit() throws(RaftError) {
    guard reads.owedCommit > 0, sentCommitIndex >= reads.owedCommit else { return }
    reads.owedCommit = 0
    if role == .leader { try broadcastAppend() }
  }

  /// Whether an entry of this term is committed: before that a leader does not know what is.
  func hasCommittedInTerm() throws(RaftError) -> Bool {
    try log.termIfHeld(at: log.committed) == term
  }

  mutating func sendTimeoutNow(to peer: UInt64) throws(RaftError) {
    try send(Message(.timeoutNow, to: peer))
  }
}
