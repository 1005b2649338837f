// Outputs of a node: readies.
extension RawNode {
  private var allowsUnstable: Bool { !core.options.asyncStorageWrites }

  /// Whether `ready()` would return anything.
  package var hasReady: Bool {
    core.hasOutput(
      since: previousSoftState, previousHardState, allowUnstable: allowsUnstable)
  }

  /// Returns all pending work. The owner must do it; it is not returned again.
  ///
  /// In synchronous mode `advance` must follow before the next call. In asynchronous mode readies may
  /// follow one another, and the `responses` of their storage messages are stepped when the work is done.
  package mutating func ready() throws(RaftError) -> Ready {
    guard stepsOnAdvance.isEmpty else {
      throw core.sink.abort("two accepted Ready structs without call to Advance")
    }
    var ready = Ready()
    ready.entries = core.log.unstable.nextEntries()
    ready.committedEntries = try core.log.nextCommittedEntries(allowUnstable: allowsUnstable)
    if core.softState != previousSoftState {
      previousSoftState = core.softState
      ready.softState = previousSoftState
    }
    let hardState = core.hardState
    ready.mustSync =
      !ready.entries.isEmpty || hardState.term != previousHardState.term
      || hardState.vote != previousHardState.vote
    if hardState != previousHardState && !hardState.isEmpty {
      ready.hardState = hardState
      previousHardState = hardState
    }
    ready.snapshot = core.log.unstable.nextSnapshot
    swap(&ready.readStates, &core.readStates)
    swap(&ready.messages, &core.messages)
    if core.options.asyncStorageWrites {
      addStorageMessages(to: &ready)
    } else {
      divideMessagesAfterAppend(&ready)
    }
    core.log.unstable.acceptInProgress()
    if let last = ready.committedEntries.last {
      try core.log.acceptApplying(
        to: last.index, size: EntryLimits.encodedSize(of: ready.committedEntries),
        allowUnstable: allowsUnstable)
    }
    return ready
  }

  /// Reports that the work of the last ready is done (synchronous mode).
  package mutating func advance() throws(RaftError) {
    if core.options.asyncStorageWrites {
      throw core.sink.abort("Advance must not be called when using AsyncStorageWrites")
    }
    var steps: [Message] = []
    swap(&steps, &stepsOnAdvance)
    for message in steps {
      do {
        try core.step(message)
      } catch {
        if error.isFatal { throw error }
      }
    }
  }

  // MARK: Synchronous mode

  private mutating func divideMessagesAfterAppend(_ ready: inout Ready) {
    for message in core.messagesAfterAppend {
      if message.to == core.id {
        stepsOnAdvance.append(message)
      } else {
        ready.messages.append(message)
      }
    }
    core.messagesAfterAppend.removeAll(keepingCapacity: true)
    if let response = storageAppendResponse(snapshot: ready.snapshot) {
      stepsOnAdvance.append(response)
    }
    if !ready.committedEntries.isEmpty {
      stepsOnAdvance.append(storageApplyResponse(ready.committedEntries))
    }
  }

  // MARK: Asynchronous mode

  private mutating func addStorageMessages(to ready: inout Ready) {
    if ready.messages.isEmpty { ready.messages.reserveCapacity(2) }
    if !ready.entries.isEmpty || ready.hardState != nil || ready.snapshot != nil
      || !core.messagesAfterAppend.isEmpty
    {
      ready.messages.append(storageAppend(ready))
    }
    if !ready.committedEntries.isEmpty {
      var message = Message(.storageApply, to: NodeID.applyThread, from: core.id)
      message.entries = ready.committedEntries
      message.responses = [storageApplyResponse(ready.committedEntries)]
      ready.messages.append(message)
    }
  }

  private mutating func storageAppend(_ ready: borrowing Ready) -> Message {
    var message = Message(.storageAppend, to: NodeID.appendThread, from: core.id)
    message.entries = ready.entries
    if let hardState = ready.hardState {
      message.term = hardState.term
      message.vote = hardState.vote
      message.commit = hardState.commit
    }
    message.snapshot = ready.snapshot
    swap(&message.responses, &core.messagesAfterAppend)
    if let response = storageAppendResponse(snapshot: ready.snapshot) {
      message.responses.append(response)
    }
    return message
  }

  /// The message that reports the log as durable up to its present last entry. It carries the current
  /// term: if another leader replaces entries meanwhile, it must not mark the new ones as durable.
  private func storageAppendResponse(snapshot: Snapshot?) -> Message? {
    guard !core.log.unstable.entries.isEmpty || snapshot != nil else { return nil }
    var message = Message(
      .storageAppendResponse, to: core.id, from: NodeID.appendThread, term: core.term)
    if let last = core.log.unstable.entries.last {
      message.index = last.index
      message.logTerm = last.term
    }
    message.snapshot = snapshot
    return message
  }

  private func storageApplyResponse(_ entries: [Entry]) -> Message {
    var message = Message(.storageApplyResponse, to: core.id, from: NodeID.applyThread)
    message.entries = entries
    return message
  }
}

extension Consensus {
  /// Whether an owner who has seen these states has work to do.
  fileprivate func hasOutput(
    since knownSoftState: SoftState, _ knownHardState: HardState, allowUnstable: Bool
  ) -> Bool {
    if !messages.isEmpty || !messagesAfterAppend.isEmpty { return true }
    if log.unstable.hasNextEntries || !readStates.isEmpty { return true }
    if softState != knownSoftState { return true }
    if !hardState.isEmpty && hardState != knownHardState { return true }
    if log.unstable.snapshot != nil && !log.unstable.snapshotInProgress { return true }
    return log.hasNextCommittedEntries(allowUnstable: allowUnstable)
  }
}
