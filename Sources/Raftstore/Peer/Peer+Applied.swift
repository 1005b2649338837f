import Codec
import Raft
import Runtime

// What applying entries has changed.
extension Peer {
  func applied(_ result: ApplyResult) {
    guard lifecycle == .active else {
      // Its children live on: their records are in the engine.
      for change in result.changes {
        switch change {
        case .split(let split): splitApplied(split)
        // Its range grows before it is given up.
        case .mergeCommitted(let merge): mergeCommitted(merge)
        default: break
        }
      }
      return
    }
    splitting.fence.applied(through: result.state.appliedIndex)
    storage.noteApplied(result.state, term: result.appliedTerm)
    reporter.recordWritten(bytes: result.writtenBytes, keys: result.writtenKeys)
    splitting.trigger.recordWritten(result.writtenBytes)
    for range in result.deletedRanges { context.router.sendToStore(.rangeDeleted(range)) }
    for change in result.changes {
      switch change {
      case .membership(let change, let region, let removesSelf):
        membershipApplied(change, region, removesSelf: removesSelf)
      case .compactLog(let index, let term):
        context.regionTasks.append(
          .gcRaftLog(regionID: regionID, peerID: info.id, index: index, term: term))
      case .split(let split): splitApplied(split)
      case .mergePrepared(let region, let state): mergePrepared(region, state)
      case .mergeCommitted(let merge): mergeCommitted(merge)
      case .mergeRolledBack(let region): mergeRolledBack(region)
      case .verifyHash(let index, let hash): verifyHash(hash, at: index)
      }
      guard lifecycle == .active else { return }
    }
    stepAll(result.responses)
    guard lifecycle == .active else { return }
    followSafeTS(result)
    if let proposedAt = result.proposedAt { renewLease(from: proposedAt) }
    storage.releaseCache(to: cacheNeed)
  }

  /// Up to where no one will ask for entries in the near future.
  private var cacheNeed: UInt64 {
    guard node.isLeader else { return storage.applyState.appliedIndex }
    var need = storage.applyState.appliedIndex
    let now = context.now
    let patience = context.config.baseTickInterval * (4 * context.config.electionTicks)
    node.forEachProgress { id, progress in
      guard id != info.id, let silence = activity.silence(of: id, at: now), silence < patience
      else { return }
      need = min(need, progress.match)
    }
    return need
  }

  private func membershipApplied(
    _ change: ConfChangeV2, _ region: Region, removesSelf: Bool
  ) {
    if removesSelf && node.isLeader {
      beginRemovalBroadcast(region)
      return
    }
    storage.region = region
    if let member = region.peer(id: info.id) { info = member }
    activity.membershipChanged(region, context.now)
    if removesSelf {
      destroy("it was removed from the region")
      return
    }
    let applied = storage.applyState.appliedIndex
    run { node throws(RaftError) in
      // Who is left out by the change is notified of it for the last time.
      try node.broadcastAppliedIndex(applied)
      _ = try node.applyConfChange(change)
    }
    guard lifecycle == .active else { return }
    context.meta.set(region, delegate: delegate)
    if node.isLeader { sendHeartbeat() }
  }
}
