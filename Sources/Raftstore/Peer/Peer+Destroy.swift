import Codec
import Engine
import Raft
import RaftLog

// The end of a peer. First whoever works for it lets go (region worker, apply worker), then a tombstone
// takes its states' place in the engine, then its log goes, then its data.
extension Peer {
  /// Begins the end; everyone who waits is completed at once.
  func destroy(_ reason: String) {
    guard lifecycle == .active || isFenced else { return }
    if let removalBroadcast { storage.region = removalBroadcast.region }
    context.logger.info("region \(regionID): peer \(info.id) is destroyed: \(reason)")
    dropLease()
    stopSending()
    if wasLeader {
      wasLeader = false
      context.metrics.peers.leaders.add(-1)
    }
    failPending(.regionNotFound(regionID: regionID))
    endConsistencyCheck()
    localSteps = []
    ending = hasPromises || isPersistingSnapshot ? .tombstone : .vote
    if incomingSnapshot?.stage == .applying {
      // The region worker writes states of its own; it must not write after the tombstone.
      lifecycle = .awaitingSnapshotApply
      return
    }
    if let incomingSnapshot {
      abandonSnapshot(incomingSnapshot.key)
      reclaimSources()
      self.incomingSnapshot = nil
    }
    stopApplying()
  }

  /// Whether the engine may have a record of a region that this peer has not taken over yet.
  private var isPersistingSnapshot: Bool {
    if case .persisting = incomingSnapshot?.stage { true } else { false }
  }

  func stopApplying() {
    lifecycle = .awaitingApply
    if let request = merging.request.take() { context.lost(request) }
    context.applyMessages.append(.stop(regionID: regionID, peerID: info.id))
  }

  func applyStopped() {
    if lifecycle == .awaitingMerge { return sourceStopped() }
    if isFenced { return respondToRelease() }
    guard lifecycle == .awaitingApply else { return }
    // From here on no one else may write to its log.
    context.meta.retire(regionID, delegate: delegate)
    var task = LogWriteTask(
      regionID: regionID, peerID: info.id, number: 0, needsAck: true, log: LogBatch(),
      durability: .synced)
    switch ending {
    case .tombstone: writeTombstone(&task)
    case .vote:
      // It must not vote twice, should a message make it again; nothing else of it matters.
      if node.hardState.vote == NodeID.none { task.log.destroy(regionID) }
    case .emptied: writeEmptied(&task)
    case .merged: preconditionFailure("region \(regionID): its end is the target's")
    case .alone: writeAlone(&task)
    }
    guard lifecycle == .awaitingApply else { return }
    post(&task)
    lifecycle = .destroying(number: task.number)
    respondToRelease()
  }

  private func writeTombstone(_ task: inout LogWriteTask) {
    var data = WriteBatch()
    data.put(
      .raft, KeyLayout.regionState(regionID: regionID),
      RegionLocalState(state: .tombstone, region: tombstone).encoded())
    data.delete(.raft, KeyLayout.applyState(regionID: regionID))
    data.delete(.raft, KeyLayout.snapshotRaftState(regionID: regionID))
    data.delete(.raft, KeyLayout.installedEpoch(regionID: regionID))
    if health.damage != nil { data.delete(.raft, KeyLayout.damage(regionID: regionID)) }
    task.data = data
    task.log.destroy(regionID)
  }

  /// The region as a store remembers it that has no peer of it any more. A peer that never learnt its
  /// region is remembered by itself, so that old messages cannot bring it back.
  private var tombstone: Region {
    var region = region
    if !region.isInitialized { region.peers = [info] }
    return region
  }

  func finishDestroying() {
    if ending == .alone {
      lifecycle = .gone
      return
    }
    if isInitialized, ending != .merged {
      context.regionTasks.append(.destroyRange(regionID: regionID, range: region.range))
    }
    context.meta.remove(regionID, delegate: delegate)
    lifecycle = .gone
  }

  /// Completes everything that waits for this peer: with `error` those whose requests were not
  /// proposed. What was proposed may be committed by others, now or later, whatever becomes of this
  /// peer: no one can say.
  func failPending(_ error: RegionError) {
    writes.failAll(error)
    proposals.failAll(.staleCommand)
    for task in applyQueue.takeDeferred() {
      for proposal in task.proposals { proposal.fail(.staleCommand) }
    }
    reads.failAll(error)
    failPreparedSplit(error)
  }
}
