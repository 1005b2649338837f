import Codec
import Engine
import Runtime

// The steps of a merge, as the log has them.
extension Applier {
  mutating func applyPrepareMerge(
    _ prepare: AdminCommand.PrepareMerge, _ header: CommandHeader, _ proposal: Proposal?,
    _ result: inout ApplyResult, _ context: inout ApplyContext
  ) {
    if let error = mergeRefusal(.prepareMerge(prepare), header) {
      return respond(proposal, error, &context)
    }
    let prepared: Region
    do throws(MergePlan.Refusal) {
      prepared = try MergePlan.prepared(region, for: prepare.target)
    } catch {
      return respond(proposal, .other(message: error.reason), &context)
    }
    region = prepared
    let state = MergeState(
      minIndex: prepare.minIndex, target: prepare.target, commit: self.state.appliedIndex + 1)
    merge = state
    context.merges.prepare(region, state, &context.batch)
    context.mustSync = true
    result.changes.append(.mergePrepared(region, state))
    respond(proposal, nil, &context)
  }

  mutating func applyRollbackMerge(
    _ commit: UInt64, _ header: CommandHeader, _ proposal: Proposal?,
    _ result: inout ApplyResult, _ context: inout ApplyContext
  ) {
    if let error = RequestCheck.epoch(
      header.epoch, RequestCheck.parts(of: .rollbackMerge(commit: commit)), of: region)
    {
      return respond(proposal, error, &context)
    }
    guard merge?.commit == commit else {
      return respond(proposal, .other(message: "no merge was prepared at \(commit)"), &context)
    }
    do throws(MergePlan.Refusal) {
      region = try MergePlan.rolledBack(region)
    } catch {
      return respond(proposal, .other(message: error.reason), &context)
    }
    merge = nil
    context.merges.rollBack(region, &context.batch)
    context.mustSync = true
    result.changes.append(.mergeRolledBack(region))
    respond(proposal, nil, &context)
  }

  /// Takes over the range of the source, or has the caller wait until the source is caught up.
  mutating func applyCommitMerge(
    _ commit: AdminCommand.CommitMerge, _ header: CommandHeader, _ proposal: Proposal?,
    _ result: inout ApplyResult, _ context: inout ApplyContext
  ) throws(ApplyError) {
    if let error = mergeRefusal(.commitMerge(commit), header) {
      return respond(proposal, error, &context)
    }
    let merged: Region
    do throws(MergePlan.Refusal) {
      merged = try MergePlan.merged(commit.source, into: region)
    } catch {
      return respond(proposal, .other(message: error.reason), &context)
    }
    guard let ready = readySource, ready.id == commit.source.id, ready.commit == commit.commit
    else {
      awaitedMerge = commit
      return
    }
    readySource = nil
    do throws(StoreError) {
      try context.merges.commit(commit, region, merged, &context.batch)
    } catch {
      throw ApplyError(index: state.appliedIndex + 1, reason: "\(error)")
    }
    region = merged
    context.mustSync = true
    var completion: Completion<Result<[Region], RegionError>>?
    if case .admin(let waiter) = proposal?.waiters { completion = waiter }
    result.changes.append(
      .mergeCommitted(AppliedMerge(region: merged, source: commit.source, completion: completion)))
  }

  private func mergeRefusal(_ command: AdminCommand, _ header: CommandHeader) -> RegionError? {
    if let error = RequestCheck.epoch(header.epoch, RequestCheck.parts(of: command), of: region) {
      return error
    }
    return merge == nil ? nil : .proposalInMergingMode(regionID: region.id)
  }
}
