// What goes into a node.
extension RawNode {
  /// One tick of the logical clock; true if a ready is likely.
  @discardableResult
  package mutating func tick() throws(RaftError) -> Bool {
    try core.tick()
  }

  /// A tick of a node that is known to be quiet: only the election clock moves.
  package mutating func tickQuiesced() {
    core.electionElapsed += 1
  }

  /// Takes a message from another node or a storage thread. An error that is not fatal means that the
  /// message was refused and nothing has changed.
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

  /// Starts an election, as `MsgHup` does; without effect when the node cannot be promoted.
  package mutating func campaign() throws(RaftError) {
    try core.step(Message(.hup, from: core.id))
  }

  /// Proposes one entry.
  package mutating func propose(_ data: [UInt8]) throws(RaftError) {
    try propose(entries: [Entry(data: data)])
  }

  /// Proposes several entries that are taken or refused together.
  package mutating func propose(_ batch: [[UInt8]]) throws(RaftError) {
    try propose(entries: batch.map { Entry(data: $0) })
  }

  private mutating func propose(entries: consuming [Entry]) throws(RaftError) {
    // The leader's path takes the entries over instead of copying them out of a message.
    if core.role == .leader { return try core.propose(entries) }
    var message = Message(.propose, from: core.id)
    message.entries = entries
    try core.step(message)
  }

  /// Proposes a simple change; takes effect when it is applied. Leader only.
  package mutating func proposeConfChange(_ change: ConfChange) throws(RaftError) {
    try proposeConfChange(entry: Entry(type: .confChange, data: change.encoded()))
  }

  /// Proposes a change, joint when it has to be; takes effect when it is applied. Leader only.
  package mutating func proposeConfChange(_ change: ConfChangeV2) throws(RaftError) {
    try proposeConfChange(entry: Entry(type: .confChangeV2, data: change.encoded()))
  }

  private mutating func proposeConfChange(entry: Entry) throws(RaftError) {
    var message = Message(.propose)
    message.entries = [entry]
    try core.step(message)
  }

  /// Applies a membership change that was committed; every node does so when it applies the entry.
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChange) throws(RaftError) -> ConfState {
    try core.applyConfChange(change.asV2)
  }

  /// Switches to the membership after a committed change. To be called for each one, also those
  /// that a node refuses.
  @discardableResult
  package mutating func applyConfChange(_ change: ConfChangeV2) throws(RaftError) -> ConfState {
    try core.applyConfChange(change)
  }

  /// Asks for a read index. It comes as a `ReadState` with the same context, or never: a read is
  /// lost with its leader.
  package mutating func readIndex(context: [UInt8]) throws(RaftError) {
    var message = Message(.readIndex)
    message.entries = [Entry(data: context)]
    try stepIgnoringRefusal(message)
  }

  /// Asks the leader to hand over to `target`.
  package mutating func transferLeader(to target: UInt64) throws(RaftError) {
    try stepIgnoringRefusal(Message(.transferLeader, from: target))
  }

  /// Makes a follower ready to vote for another, as if its leader had been silent.
  package mutating func forgetLeader() throws(RaftError) {
    try stepIgnoringRefusal(Message(.forgetLeader))
  }

  /// The last message to a peer was not delivered.
  package mutating func reportUnreachable(_ id: UInt64) throws(RaftError) {
    try stepIgnoringRefusal(Message(.unreachable, from: id))
  }

  /// A snapshot to a peer was delivered or not.
  package mutating func reportSnapshot(_ id: UInt64, succeeded: Bool) throws(RaftError) {
    var message = Message(.snapshotStatus, from: id)
    message.reject = !succeeded
    try stepIgnoringRefusal(message)
  }

  /// A peer has lost its log, though it may have acknowledged entries: as leader, sends it everything anew, a
  /// snapshot first. What is committed stays so: a peer that is known to hold less can only keep entries from
  /// being committed. Does nothing while a snapshot is under way.
  package mutating func restartReplication(to id: UInt64) throws(RaftError) {
    guard core.role == .leader, id != core.id, let slot = core.tracker.progress.slot(of: id),
      core.tracker.progress.values[slot].state != .snapshot,
      core.tracker.progress.values[slot].match > 0
    else { return }
    core.tracker.progress.values[slot].becomeEmpty()
    try core.sendAppend(to: slot)
  }

  /// As leader, sends heartbeats at once.
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

  /// Starts a new group: its members are entries of the log that are already committed. They are
  /// applied at once here, and again by the owner when the readies hand them out.
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
