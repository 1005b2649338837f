import Codec
import Raft
import RaftLog
import Runtime

// Readies: what the core wants stored, sent and applied goes to whom it is for.
extension Peer {
  /// Takes the ready of this batch, if there is one.
  func handleReady() {
    // What a ready says to the core itself may make another. The rest waits for the next batch.
    for _ in 0..<Self.maxReadiesPerBatch where lifecycle == .active && node.hasReady {
      guard canTakeReady() else { return }
      var taken: Ready?
      run { node throws(RaftError) in taken = try node.ready() }
      guard lifecycle == .active, var ready = taken else { return }
      if let state = ready.softState { roleChanged(state) }
      for index in ready.messages.indices { dispatch(&ready.messages[index]) }
      for state in ready.readStates { readConfirmed(state) }
      // Responses to followers whose reads were confirmed must not wait for the next batch.
      if localSteps.isEmpty && ready.readStates.isEmpty { return }
      let steps = localSteps
      localSteps = []
      stepAll(steps)
    }
  }

  private static let maxReadiesPerBatch = 3

  /// A snapshot replaces log and data: it must find nothing of the peer under way.
  private func canTakeReady() -> Bool {
    guard node.hasPendingSnapshot, incomingSnapshot?.stage == .stepped else { return true }
    guard areSourcesReleased() else { return false }
    if isLogWriterQuiet && isApplyQuiet { return true }
    if !isLogWriterQuiet { requestAck() }
    return false
  }

  /// Whether the log writer has done all it was given.
  var isLogWriterQuiet: Bool { logWrites.isQuiet }

  /// Whether the apply worker has done all it was given.
  var isApplyQuiet: Bool { storage.applyState.appliedIndex >= applyQueue.lastIndex }

  private func dispatch(_ message: inout Message) {
    switch message.type {
    case .storageAppend: persist(&message)
    case .storageApply: apply(&message)
    case .snapshot: sendSnapshot(message)
    default:
      if message.type == .timeoutNow { endLeases() }
      send(message)
    }
  }

  func stepAll(_ messages: [Message]) {
    for message in messages where lifecycle == .active {
      run { node throws(RaftError) in try node.step(message) }
    }
  }

  // MARK: Storing

  private func persist(_ message: inout Message) {
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, log: LogBatch(), durability: .buffered)
    for response in message.responses {
      if response.to == info.id {
        task.responses.append(response)
      } else if let envelope = envelope(for: response) {
        task.messages.append(envelope)
      }
    }
    let hasNewVote =
      message.term != 0
      && (message.term != logWrites.hardState.term || message.vote != logWrites.hardState.vote)
    if message.entries.isEmpty && message.snapshot == nil && !hasNewVote {
      // Only the commit index moved. It is not written for its own sake: it can be learnt again,
      // and what is applied was committed.
      skipPersist(task)
      return
    }
    if let snapshot = message.snapshot { beginPersisting(snapshot, &task) }
    task.log.append(regionID, message.entries)
    let hardState = node.hardState
    if message.snapshot == nil && hardState != logWrites.hardState {
      task.log.setHardState(regionID, hardState)
    }
    logWrites.hardState = hardState
    task.durability = .synced
    storage.noteAppended(message.entries)
    post(&task)
  }

  /// Nothing is to be written, but responses must not overtake what is being written.
  private func skipPersist(_ task: LogWriteTask) {
    if task.messages.isEmpty && task.responses.isEmpty { return }
    if isLogWriterQuiet {
      context.envelopes.append(contentsOf: task.messages)
      localSteps.append(contentsOf: task.responses)
    } else {
      var task = task
      post(&task)
    }
  }

  func post(_ task: inout LogWriteTask) {
    task.number = logWrites.takeNumber()
    context.logTasks.append(task)
  }

  /// Has the log writer say when it has done all it was given so far.
  func requestAck() {
    guard logWrites.lacksAck else { return }
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, needsAck: true, log: LogBatch(),
      durability: .buffered)
    post(&task)
    logWrites.noteAckRequested()
  }

  /// The log writer did everything up to task `number`.
  func persisted(number: UInt64, responses: [Message]) {
    logWrites.persisted(number)
    if case .destroying(let last) = lifecycle, number >= last {
      finishDestroying()
      return
    }
    if lifecycle == .awaitingReplacement, isLogWriterQuiet { lifecycle = .gone }
    guard lifecycle == .active else { return }
    if let incomingSnapshot, case .persisting(let last) = incomingSnapshot.stage, number >= last {
      snapshotPersisted(incomingSnapshot)
    }
    stepAll(responses)
  }

  // MARK: Applying

  private func apply(_ message: inout Message) {
    guard let last = message.entries.last else { return }
    applyQueue.submit(through: last.index)
    let task = ApplyTask(
      regionID: regionID, peerID: info.id, entries: message.entries,
      proposals: proposals.take(for: message.entries), responses: message.responses)
    for proposal in task.proposals {
      context.metrics.commitSeconds.observe(context.now - proposal.proposedAt)
    }
    if incomingSnapshot == nil {
      context.applyMessages.append(.apply(task))
    } else {
      applyQueue.defer(task)
    }
  }

  // MARK: Sending

  func send(_ message: Message) {
    if let envelope = envelope(for: message) { context.envelopes.append(envelope) }
  }

  /// The message as it leaves the store; nil when nothing is known of the receiver.
  func envelope(for message: Message) -> RaftEnvelope? {
    guard let receiver = peerInfo(message.to) else { return nil }
    var envelope = RaftEnvelope(
      regionID: regionID, from: info, to: receiver, message: message, epoch: region.epoch)
    if isInitialized && message.mayCreatePeer {
      envelope.startKey = region.startKey
      envelope.endKey = region.endKey
    }
    return envelope
  }

  private func sendSnapshot(_ message: Message) {
    guard let snapshot = message.snapshot, let envelope = envelope(for: message) else {
      snapshotSent(to: message.to, index: nil, succeeded: false)
      return
    }
    let key = SnapshotKey(
      regionID: regionID, term: snapshot.metadata.term, index: snapshot.metadata.index)
    context.transport.sendSnapshot(envelope, key: key)
  }

  // MARK: Roles

  private func roleChanged(_ state: SoftState) {
    schedule.hibernation.roleChanged(isLeader: state.role == .leader)
    if state.leader != NodeID.none { schedule.isWanted = false }
    if state.role == .leader {
      guard !wasLeader else { return }
      wasLeader = true
      context.metrics.peers.leaderChanges.increment()
      context.metrics.peers.leaders.add(1)
      activity.beginLeading(region, context.now)
      reporter.leadershipBegins(at: context.now, read: delegate.readFlow)
      compaction.schedule(after: context.now, context.config)
      splitting.trigger.leadershipBegins(at: context.now)
      if isBroadcastingRemoval { sendRemovalBroadcast() } else { sendHeartbeat() }
      campaignChildren()
    } else if wasLeader {
      wasLeader = false
      context.metrics.peers.leaderChanges.increment()
      context.metrics.peers.leaders.add(-1)
      dropLease()
      stopSending()
      endProofs()
      splitting.load.reset()
      reads.failLeaderReads(notLeader)
      failPreparedSplit(notLeader)
    }
    staleness.leaderChanged(isKnown: state.leader != NodeID.none, at: context.now)
  }

  var notLeader: RegionError { .notLeader(regionID: regionID, leader: knownLeader) }
}

extension Message {
  /// Whether a store that has no peer for the message may create one for it.
  var mayCreatePeer: Bool {
    switch type {
    case .vote, .preVote: true
    case .heartbeat: commit == 0
    default: false
    }
  }

  /// Whether it is the first vote ever asked for in a region: a peer made by a split may be on its
  /// way here.
  var isFirstVote: Bool {
    (type == .vote || type == .preVote) && term == BootstrapRegion.term + 1
  }
}
