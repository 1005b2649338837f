// Entries, snapshots and heartbeats that a leader sends.
extension Consensus {
  /// Appends entries of this term. False if that would exceed `Config.maxUncommittedEntriesSize`.
  mutating func appendEntries(_ proposed: consuming [Entry]) throws(RaftError) -> Bool {
    var entries = proposed
    var index = log.lastIndex
    for position in entries.indices {
      index += 1
      entries[position].term = term
      entries[position].index = index
    }
    let size = EntryLimits.payloadSize(of: entries)
    // A proposal above the limit is accepted when the tail is empty: otherwise it never would be.
    // Empty entries are always accepted: leaders and joint configurations depend on them.
    let limit = options.maxUncommittedSize
    if uncommittedSize > 0 && size > 0 && (size > limit || uncommittedSize > limit - size) {
      sink.warning(
        "\(self.id.hex) appending new entries to log would exceed uncommitted entry size limit; "
          + "dropping proposal")
      return false
    }
    uncommittedSize += size
    try log.append(entries)
    // Sent to itself: the leader's own acknowledgment counts only once its log is durable.
    var response = Message(.appendResponse, to: id)
    response.index = index
    try send(response)
    return true
  }

  /// Sends the peer in `slot` the next entries, or an empty append with the commit index.
  mutating func sendAppend(to slot: Int) throws(RaftError) {
    _ = try maybeSendAppend(to: slot, sendIfEmpty: true)
  }

  /// Sends the peer in `slot` the next entries, or a snapshot if the log no longer holds them. False if
  /// nothing was sent: the peer is paused, or there is no entry and `sendIfEmpty` is false.
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
    guard let queued = messages.lastIndex(where: { $0.to == peer }),
      messages[queued].type == .append,
      messages[queued].index + UInt64(messages[queued].entries.count) == previous
    else { return false }
    messages[queued].entries.append(contentsOf: entries)
    messages[queued].commit = sentCommitIndex
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
      // A follower commits what a heartbeat says, so it must not exceed what is known to match.
      let commit = min(tracker.progress.values[slot].match, sentCommitIndex)
      var message = Message(.heartbeat, to: tracker.progress.ids[slot])
      message.commit = commit
      message.context = context
      try send(message)
      tracker.progress.values[slot].sentCommit = commit
    }
  }

  /// Commits what a quorum holds, if its last entry is of this term (dissertation, section 3.6.2).
  /// True if the commit index has moved.
  mutating func maybeCommit() throws(RaftError) -> Bool {
    let index = tracker.committedIndex()
    guard index > log.committed else { return false }
    return try log.maybeCommit(EntryID(term: term, index: index))
  }

  /// The commit index that is sent to other members; see `Config.broadcastsAppliedOnly`.
  var sentCommitIndex: UInt64 {
    guard options.broadcastsAppliedOnly else { return log.committed }
    return min(log.committed, max(log.applied, broadcastApplied))
  }

  /// Whether a commit advance is sent in messages of its own; see `Config.skipBroadcastCommit`. An index
  /// that must not be sent before it is applied is not.
  var broadcastsCommit: Bool {
    !skipBroadcastCommit || (pendingConfIndex > log.applied && !options.broadcastsAppliedOnly)
  }

  /// Sends followers the commit index that they wait for to serve a read, once it may be sent.
  mutating func sendOwedCommit() throws(RaftError) {
    guard reads.owedCommit > 0, sentCommitIndex >= reads.owedCommit else { return }
    reads.owedCommit = 0
    if role == .leader { try broadcastAppend() }
  }

  /// Whether an entry of this term is committed. Before that a leader's commit index may be behind.
  func hasCommittedInTerm() throws(RaftError) -> Bool {
    try log.termIfHeld(at: log.committed) == term
  }

  mutating func sendTimeoutNow(to peer: UInt64) throws(RaftError) {
    try send(Message(.timeoutNow, to: peer))
  }
}
