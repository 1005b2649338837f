import Codec
import Raft
import RaftLog
import Runtime

// Merges, as the source: the last steps. The peer applies its log up to the merge, stops, and ends when the records of
// the target say so.
extension Peer {
  /// The target's peer on this store waits: it has the committed merge in its log.
  func catchUp(_ request: CatchUpRequest) {
    switch lifecycle {
    case .active:
      merging.request = request
      catchUp()
    case .awaitingMerge where merging.prepared?.commit == request.commit:
      merging.request = request
      if merging.isStopped { respondAsSource() }
    case .broken: break
    default: context.lost(request)
    }
  }

  /// Applies the log up to the merge, with what the request brings of it, and then stops.
  func catchUp() {
    guard lifecycle == .active, incomingSnapshot == nil, let request = merging.request else {
      return
    }
    if let prepared = merging.prepared, prepared.commit == request.commit { return stopAsSource() }
    // By an earlier merge that was rolled back, or not prepared yet.
    var isComplete = false
    run { node throws(RaftError) in
      isComplete = try node.appendCommitted(request.entries, commit: request.commit)
    }
    guard lifecycle == .active, !isComplete else { return }
    context.logger.error(
      "region \(regionID): peer \(info.id) cannot catch up to its merge at \(request.commit)",
      metadata: ["last_index": "\(node.lastIndex)"])
    merging.request = nil
    context.lost(request)
  }

  /// Nothing more is to be applied: the apply worker releases the peer, which does nothing any more.
  func stopAsSource() {
    context.logger.info("region \(regionID): peer \(info.id) stops for its merge")
    dropLease()
    if wasLeader {
      wasLeader = false
      context.metrics.peers.leaders.add(-1)
    }
    failPending(.regionNotFound(regionID: regionID))
    localSteps = []
    ending = .merged
    lifecycle = .awaitingMerge
    context.applyMessages.append(.stop(regionID: regionID, peerID: info.id))
  }

  /// The apply worker has written everything and released this peer.
  func sourceStopped() {
    merging.isStopped = true
    respondAsSource()
  }

  private func respondAsSource() {
    if let request = merging.request, merging.prepared?.commit != request.commit {
      // It has made way for a snapshot before it had applied the log up to the merge.
      merging.request = nil
      context.lost(request)
    } else if let request = merging.request {
      context.router.post(
        .sourceCaughtUp(
          CaughtUpSource(
            sourceRegionID: regionID, commit: request.commit,
            targetRegionID: request.targetRegionID, targetPeerID: request.targetPeerID)),
        to: request.targetRegionID)
    }
    respondToRelease()
  }

  /// The target has the range, and the engine a tombstone of this region: only the log is left.
  func sourceMerged() {
    guard lifecycle == .awaitingMerge || isFenced else { return }
    ending = .merged
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, needsAck: true, log: LogBatch(),
      durability: .synced)
    task.log.destroy(regionID)
    post(&task)
    lifecycle = .destroying(number: task.number)
  }

  // MARK: Making way for a snapshot

  /// A snapshot that covers keys of this region has been taken: this peer stops first.
  func makeWay(_ release: SourceRelease) {
    merging.release = release
    switch lifecycle {
    // A snapshot of its own is put in place first.
    case .active: if incomingSnapshot == nil { stopAsSource() }
    case .awaitingSnapshotApply, .awaitingApply: break
    case .fenced:
      // Its apply worker may not have released it yet.
      context.applyMessages.append(.stop(regionID: regionID, peerID: info.id))
    case .awaitingMerge: if merging.isStopped { respondToRelease() }
    default: respondToRelease()
    }
  }

  /// Nothing of this peer is applied any more.
  func respondToRelease() {
    guard let release = merging.release.take() else { return }
    context.router.post(.sourceReleased(release), to: release.targetRegionID)
  }

  /// The snapshot is not applied: what this peer has belongs to no one here.
  func reclaimSource() {
    guard lifecycle == .awaitingMerge, merging.request == nil else { return }
    ending = .tombstone
    lifecycle = .awaitingApply
    if merging.isStopped { applyStopped() }
  }
}

extension ShardContext {
  /// What the target of a merge waits for is not on this store.
  func lost(_ request: CatchUpRequest) {
    router.post(
      .sourceLost(regionID: request.targetRegionID, peerID: request.targetPeerID),
      to: request.targetRegionID)
  }
}
