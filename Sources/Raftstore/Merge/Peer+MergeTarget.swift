import Codec
import Raft
import Runtime

// Merges, as the target: the region takes over the range of a neighbor that ends.
extension Peer {
  /// The second step, for a source whose peer on this store has applied the first.
  func proposeCommitMerge(
    _ merge: AdminCommand.CommitMerge, _ completion: Completion<Result<[Region], RegionError>>
  ) {
    guard hasAppliedOwnTerm else {
      return completion(
        .failure(
          .serverIsBusy(
            reason: "the leader has not applied an entry of its term yet", backoffMs: 0)))
    }
    let command = AdminCommand.commitMerge(merge)
    guard !splitting.fence.isPending(RequestCheck.parts(of: command), term: node.term),
      !node.hasPendingConfChange
    else {
      return completion(
        .failure(
          .serverIsBusy(
            reason: "another change of the region's epoch is not applied yet", backoffMs: 0)))
    }
    do throws(MergePlan.Refusal) {
      _ = try MergePlan.merged(merge.source, into: region)
    } catch {
      return completion(.failure(.other(message: error.reason)))
    }
    let data = CommandCodec.encode(header(), command)
    let size = UInt64(data.count)
    guard size <= context.config.maxEntrySize else {
      return completion(.failure(.raftEntryTooLarge(regionID: regionID, entrySize: size)))
    }
    // Those that arrived before it are not to wait.
    proposeWrites()
    context.metrics.proposals.commitMerge.increment()
    if let error = propose(.admin(completion), { node throws(RaftError) in try node.propose(data) })
    {
      return completion(.failure(error))
    }
    noteEpochChange(command)
  }

  /// The records of the merge are durable: from now on the range is this region's.
  func mergeCommitted(_ merge: AppliedMerge) {
    storage.region = merge.region
    context.meta.merge(
      merge.source.id, into: StoreMeta.RegionEntry(region: merge.region, delegate: delegate))
    splitting.trigger.regionChanged(nil, at: context.now)
    context.router.post(.sourceMerged(regionID: merge.source.id), to: merge.source.id)
    context.metrics.changes.merges.increment()
    context.logger.info("region \(regionID): has merged \(merge.source), it is \(merge.region)")
    merge.complete()
    guard lifecycle == .active, node.isLeader else { return }
    // The others apply it when they hear that it is committed.
    let applied = storage.applyState.appliedIndex
    run { node throws(RaftError) in try node.broadcastAppliedIndex(applied) }
    guard lifecycle == .active else { return }
    sendHeartbeat()
  }

  /// The source of a committed merge is caught up on this store: the apply worker goes on.
  func sourceCaughtUp(_ source: CaughtUpSource) {
    context.applyMessages.append(.resumeMerge(source))
  }
}
