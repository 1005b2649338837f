import Codec
import Protobuf
import Raft
import Runtime

/// What a leader knows of the snapshots that its followers need.
struct SnapshotSendingState {
  /// Ticks until the receivers are asked again.
  var ticksToCheck = 0
  /// Ticks since the receivers were first asked, while none has responded.
  var ticksWithoutResponse = 0
  /// Ticks in a row in which no follower that needs a snapshot was heard of.
  var ticksWithoutReceiver = 0
  /// The followers that have got a snapshot and are not up to date yet, with its index: the log is kept for them
  /// within a bound.
  var catchingUp: [UInt64: UInt64] = [:]
}

// Snapshots for followers. Before one is generated the receivers are asked whether they can take it: one that is
// refused after it was generated and sent has cost everything for nothing.
extension Peer {
  // MARK: Asking the receivers

  /// Asks every follower that needs a snapshot whether it can take one now.
  func checkReceivers() {
    storage.sending.ticksWithoutResponse = 0
    storage.sending.ticksWithoutReceiver = 0
    askReceivers()
  }

  private func askReceivers() {
    storage.sending.ticksToCheck = context.config.electionTicks
    node.forEachProgress { id, progress in
      guard needsSnapshot(id, progress), let receiver = peerInfo(id) else { return }
      context.envelopes.append(
        RaftEnvelope(
          regionID: regionID, from: info, to: receiver, epoch: region.epoch,
          extra: ExtraMessage(kind: .snapGenPrecheckRequest)))
    }
  }

  /// Whether the follower's next entry is not in the log any more and no snapshot is under way to it.
  private func needsSnapshot(_ id: UInt64, _ progress: Progress) -> Bool {
    id != info.id && progress.next < storage.firstIndex() && progress.state != .snapshot
  }

  /// Ticks of a leader that wants to generate a snapshot, or does. It gives up when no follower needs one any more:
  /// the one that did was removed, or has not been heard of for a while.
  func tickSending() {
    switch storage.snapshotState {
    case .idle, .requested, .available: return
    case .checking, .generating: break
    }
    var hasReceiver = false
    node.forEachProgress { id, progress in
      if needsSnapshot(id, progress), progress.recentActive { hasReceiver = true }
    }
    storage.sending.ticksWithoutReceiver =
      hasReceiver ? 0 : storage.sending.ticksWithoutReceiver + 1
    // The core forgets whom it has heard of with every check of the quorum.
    if storage.sending.ticksWithoutReceiver > 2 * context.config.electionTicks {
      context.logger.info("region \(regionID): no follower needs a snapshot any more")
      return storage.cancelSnapshot()
    }
    guard case .checking = storage.snapshotState else { return }
    storage.sending.ticksWithoutResponse += 1
    if storage.sending.ticksWithoutResponse > Self.checkTimeouts * context.config.electionTicks {
      // Stores of an earlier version do not respond.
      return generateSnapshot()
    }
    storage.sending.ticksToCheck -= 1
    if storage.sending.ticksToCheck <= 0 { askReceivers() }
  }

  /// Election timeouts without any response after which a snapshot is generated all the same.
  private static let checkTimeouts = 4

  /// A leader asks whether this store can take a snapshot.
  func respondToCheck(_ envelope: RaftEnvelope) {
    let passed = incomingSnapshot == nil && context.snapshots.reserveReceiving(regionID)
    context.envelopes.append(
      RaftEnvelope(
        regionID: regionID, from: info, to: envelope.from, epoch: region.epoch,
        extra: ExtraMessage(kind: .snapGenPrecheckResponse, snapGenPrecheckPassed: passed)))
  }

  /// A follower's response.
  func receiverChecked(_ peer: PeerInfo, passed: Bool) {
    guard node.isLeader, case .checking = storage.snapshotState,
      let progress = node.progress(of: peer.id), needsSnapshot(peer.id, progress)
    else { return }
    storage.sending.ticksWithoutResponse = 0
    if passed { generateSnapshot() }
  }

  // MARK: Generating

  private func generateSnapshot() {
    guard let cancellation = storage.beginGenerating() else { return }
    context.applyMessages.append(
      .generateSnapshot(regionID: regionID, peerID: info.id, cancellation))
  }

  /// A snapshot is built, or cannot be.
  func snapshotGenerated(_ result: Result<GeneratedSnapshot, SnapshotError>) {
    guard lifecycle == .active else { return }
    switch result {
    case .failure(let error):
      context.metrics.snapshotFailures.increment()
      context.logger.warning("region \(regionID): no snapshot could be generated: \(error)")
      storage.finishSnapshot(.failure(error))
      if case .damaged(let reason) = error { damaged(.data, reason) }
    case .success(let generated):
      do throws(CodecError) {
        let data = try RaftSnapshotData(decoding: generated.data)
        let metadata = SnapshotMetadata(
          confState: data.region.confState, index: generated.key.index, term: generated.key.term)
        storage.finishSnapshot(.success(Snapshot(data: generated.data, metadata: metadata)))
        // The follower is offered it with the next append: no need to wait for a heartbeat.
        run { node throws(RaftError) in try node.ping() }
      } catch {
        storage.finishSnapshot(.failure(.io("\(error)")))
      }
    }
  }

  // MARK: Sending

  /// - Parameter index: of the snapshot; nil: it was not even tried.
  func snapshotSent(to peerID: UInt64, index: UInt64?, succeeded: Bool) {
    guard lifecycle == .active else { return }
    if succeeded, node.isLeader { storage.sending.catchingUp[peerID] = index }
    run { node throws(RaftError) in try node.reportSnapshot(peerID, succeeded: succeeded) }
  }

  /// This peer does not lead any more: what it generates and sends is of no use.
  func stopSending() {
    storage.sending = SnapshotSendingState()
    storage.cancelSnapshot()
    context.snapshots.cancelSending(regionID)
  }

  // MARK: Keeping the log

  /// The lowest index that a follower needs which gets a snapshot or has just got one; nil without any.
  func indexNeededForSnapshots() -> UInt64? {
    var lowest = storage.snapshotIndex
    var catchingUp: [UInt64: UInt64] = [:]
    let last = node.lastIndex
    let patience = context.config.logCompaction.interval * Self.patientIntervals
    node.forEachProgress { id, progress in
      // Not the core's own record of contacts, which begins anew with every check of the quorum.
      let silence = activity.silence(of: id, at: context.now) ?? .zero
      guard id != info.id, silence < patience else { return }
      var needed: UInt64?
      if progress.state == .snapshot {
        needed = progress.pendingSnapshot
      } else if let index = storage.sending.catchingUp[id],
        progress.match < index || progress.match + Self.nearlyUpToDate < last
      {
        // Until the follower has applied the snapshot, what it matches is what it did before.
        needed = max(index, progress.match)
        catchingUp[id] = index
      }
      if let needed { lowest = min(lowest ?? needed, needed) }
    }
    storage.sending.catchingUp = catchingUp
    return lowest
  }

  /// Intervals of log compaction after which a follower that is not heard of has the log cut behind its snapshot.
  private static let patientIntervals = 10
  /// Entries that a follower may lack and yet counts as one that writes do not leave behind.
  private static let nearlyUpToDate: UInt64 = 1024
}
