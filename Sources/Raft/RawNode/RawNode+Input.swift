// Inputs of a node: ticks, messages, proposals and requests.
extension RawNode {
  /// One tick of the logical clock. True if it led to a campaign, heartbeats or a change of role, so that
  /// a ready is likely.
  @discardableResult
  package mutating func tick() throws(RaftError) -> Bool {
    try core.tick()
  }

  /// For how many ticks a campaign has been put off by `tickQuiesced`, if `tick` would start it now; nil if it would not.
  package var campaignDelay: Int? { core.campaignDelay }

  /// Starts an election that is wanted before the random part of the election timeout is over. Returns whether it did:
  /// not while a leader is known, nor before the fixed part of the timeout is over.
  @discardableResult
  package mutating func campaignEarly() throws(RaftError) -> Bool {
    try core.campaignEarly()
  }

  /// A tick of a quiescent group: only the election clock moves, and no message is created.
  package mutating func tickQuiesced() {
    core.electionElapsed += 1
  }

  /// Handles a message from another node or a storage thread.
  ///
  /// Throws `stepLocalMessage`, `stepPeerNotFound`, `malformed` or `impossible` for a message that is
  /// refused, and `proposalDropped` for a proposal; nothing has changed then. A fatal error
  /// (`RaftError.isFatal`) ends the node.
  package mutating func step(_ message: Message) throws(RaftError) {
    let type = message.type
    if !NodeID.isThread(message.from) {
      if type.isLocal { throw .stepLocalMessage }
      if type.isResponse && !core.tracker.progress.contains(message.from) {
        throw .stepPeerNotFound
      }
      try check(message)
    }
    try core.step(message)
  }

  /// Starts an election, as `MsgHup` does. Without effect on a leader and on a node that is not
  /// promotable.
  package mutating func campaign() throws(RaftError) {
    try core.step(Message(.hup, from: core.id))
  }

  /// Proposes one entry. Throws `proposalDropped` if no leader is known, if a leadership transfer is in
  /// progress, or if a limit is exceeded. Otherwise the entry is appended here or forwarded to the leader;
  /// it is committed when `Ready.committedEntries` contains it, and may be lost before that.
  package mutating func propose(_ data: [UInt8]) throws(RaftError) {
    try propose(entries: [Entry(data: data)])
  }

  /// Proposes several entries that are accepted or dropped together, in order.
  package mutating func propose(_ batch: [[UInt8]]) throws(RaftError) {
    try propose(entries: batch.map { Entry(data: $0) })
  }

  private mutating func propose(entries: consuming [Entry]) throws(RaftError) {
    // Saves the leader a copy of the entries out of a message.
    if core.role == .leader { return try core.propose(entries) }
    var message = Message(.propose, from: core.id)
    message.entries = entries
    try core.step(message)
  }

  /// Proposes the change of one node. It takes effect when its entry is applied with `applyConfChange`.
  /// A leader appends an empty entry instead if another change is not applied yet.
  package mutating func proposeConfChange(_ change: ConfChange) throws(RaftError) {
    try proposeConfChange(entry: Entry(type: .confChange, data: change.encoded()))
  }

  /// Proposes a change of several nodes, through a joint configuration where one is necessary. Otherwise as
  /// `proposeConfChange(_:)` of one node.
  package mutating func proposeConfChange(_ change: ConfChangeV2) throws(RaftError) {
    try proposeConfChange(entry: Entry(type: .confChangeV2, data: change.encoded()))
  }

  private mutating func proposeConfChange(entry: Entry) throws(RaftError) {
    var message = Message(.propose)
    message.entries = [entry]
    try core.step(message)
  }

  /// Switches to the membership after a committed change of one node, as `applyConfChange(_:)` of several.
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChange) throws(RaftError) -> ConfState {
    try core.applyConfChange(change.asV2)
  }

  /// Switches to the membership after a committed change and returns it. The owner of every member calls
  /// it for every such entry in log order. An owner that rejects a change passes an empty one, so that the
  /// entry counts as applied.
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChangeV2) throws(RaftError) -> ConfState {
    try core.applyConfChange(change)
  }

  /// Requests a read index. It is returned as a `ReadState` with the same `context` in a later ready, or
  /// never: without a leader, or when the leader changes, the request is lost and must be repeated.
  package mutating func readIndex(context: [UInt8]) throws(RaftError) {
    var message = Message(.readIndex)
    message.entries = [Entry(data: context)]
    try stepIgnoringRefusal(message)
  }

  /// Throws what `step` would throw for a read index request of another node. For an owner that handles these itself
  /// as leader: see `respond(toReadIndex:at:)`.
  package func checkReadIndex(_ request: Message) throws(RaftError) {
    guard request.type == .readIndex, !NodeID.isThread(request.from) else {
      throw .stepLocalMessage
    }
    try check(request)
  }

  /// Responds to a read index request of another node (as leader). `index` is a commit index of this node; it must have
  /// been certain, after the request was received, that no later leader existed.
  package mutating func respond(
    toReadIndex request: Message, at index: UInt64
  ) throws(RaftError) {
    guard core.role == .leader, request.from != core.id, request.from != NodeID.none else { return }
    try core.respondToRead(request, at: index)
  }

  /// Requests the transfer of leadership to `target`, a voter. The leader drops proposals until it is done,
  /// for at most an election timeout.
  package mutating func transferLeader(to target: UInt64) throws(RaftError) {
    try stepIgnoringRefusal(Message(.transferLeader, from: target))
  }

  /// Makes a follower forget its leader, so that it may vote before the election timeout. Without effect
  /// with lease-based reads.
  package mutating func forgetLeader() throws(RaftError) {
    try stepIgnoringRefusal(Message(.forgetLeader))
  }

  /// Reports that the last message to a peer was not delivered: the leader then sends one append at a time.
  package mutating func reportUnreachable(_ id: UInt64) throws(RaftError) {
    try stepIgnoringRefusal(Message(.unreachable, from: id))
  }

  /// Reports that a snapshot was delivered to a peer or not. Must be called for each snapshot sent: the
  /// leader sends that peer no entries before.
  package mutating func reportSnapshot(_ id: UInt64, succeeded: Bool) throws(RaftError) {
    var message = Message(.snapshotStatus, from: id)
    message.reject = !succeeded
    try stepIgnoringRefusal(message)
  }

  /// Replicates to a peer from the beginning, with a snapshot first (as leader): the peer has lost its log,
  /// although it may have acknowledged entries. Committed entries stay committed: a peer that is known to
  /// hold less can only keep entries from being committed. Without effect while a snapshot to it is pending.
  package mutating func restartReplication(to id: UInt64) throws(RaftError) {
    guard core.role == .leader, id != core.id, let slot = core.tracker.progress.slot(of: id),
      core.tracker.progress.values[slot].state != .snapshot,
      core.tracker.progress.values[slot].match > 0
    else { return }
    core.tracker.progress.values[slot].becomeEmpty()
    try core.sendAppend(to: slot)
  }

  /// Appends entries that the group has committed, and commits the log up to `commit`, although no leader has sent
  /// them: the owner has learnt otherwise what is committed, and the members that could send it may be gone.
  ///
  /// Entries that the log holds are passed over. A leader holds all that is committed; another node that lacks some
  /// becomes a follower of no one, in the term of the last of them if that is later than its own.
  ///
  /// - Returns: false, and nothing is changed, if there is a gap between the log and what is needed up to `commit`, or
  ///   a snapshot is about to replace the log.
  package mutating func appendCommitted(
    _ entries: [Entry], commit: UInt64
  ) throws(RaftError) -> Bool {
    guard core.log.unstable.snapshot == nil else { return false }
    let news = entries.filter { $0.index > core.log.committed && $0.index <= commit }
    guard let first = news.first, let last = news.last else {
      guard commit <= core.log.lastIndex else { return false }
      try core.log.commit(to: commit)
      return true
    }
    guard last.index == commit, first.index <= core.log.lastIndex + 1,
      last.index - first.index + 1 == UInt64(news.count),
      let before = try core.log.termIfHeld(at: first.index - 1)
    else { return false }
    if try core.log.findConflict(news) != 0 {
      core.becomeFollower(term: max(core.term, last.term), leader: NodeID.none)
    }
    let previous = EntryID(term: before, index: first.index - 1)
    _ = try core.log.maybeAppend(after: previous, news, leaderCommit: commit)
    return true
  }

  /// Frees memory that is kept for reuse: nothing will happen for a while.
  package mutating func releaseBuffers() {
    core.log.unstable.releaseBuffer()
    for slot in 0..<core.tracker.progress.count {
      core.tracker.progress.values[slot].inflights.releaseBuffer()
    }
  }

  /// Sends heartbeats at once (as leader).
  package mutating func ping() throws(RaftError) {
    guard core.role == .leader else { return }
    try core.broadcastHeartbeat()
  }

  private mutating func stepIgnoringRefusal(_ message: Message) throws(RaftError) {
    do {
      try core.step(message)
    } catch {
      if error.isFatal { throw error }
    }
  }

  /// Starts a new group: appends one committed membership change per peer. They are applied at once here,
  /// and again by the owner when readies contain them. Throws `invalidConfig` unless storage is empty.
  package mutating func bootstrap(peers: [BootstrapPeer]) throws(RaftError) {
    guard !peers.isEmpty else {
      throw .invalidConfig("must provide at least one peer to Bootstrap")
    }
    guard core.log.storage.lastIndex() == 0 else {
      throw .invalidConfig("can't bootstrap a nonempty Storage")
    }
    previousHardState = HardState()
    core.becomeFollower(term: 1, leader: NodeID.none)
    var entries: [Entry] = []
    for peer in peers {
      let change = ConfChange(type: .addNode, nodeID: peer.id, context: peer.context)
      entries.append(
        Entry(
          type: .confChange, term: 1, index: UInt64(entries.count) + 1, data: change.encoded()))
    }
    try core.log.append(entries)
    core.log.committed = UInt64(entries.count)
    for peer in peers {
      _ = try core.applyConfChange(ConfChange(type: .addNode, nodeID: peer.id).asV2)
    }
  }
}
