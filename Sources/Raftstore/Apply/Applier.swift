import Codec
import Engine
import Protobuf
import Raft
import Runtime

/// Applies one region's committed entries to a write batch. Deterministic: every replica that applies
/// the same entries from the same state writes the same data.
struct Applier {
  let peerID: UInt64
  var region: Region
  private(set) var state: ApplyState
  private(set) var appliedTerm: UInt64
  /// The regions that the last split has created, as they were then.
  private var siblings: [Region] = []
  /// The log removed this peer: what follows is not for it.
  private var isRemoved = false
  /// The merge of the region that is prepared. While there is one only its rollback is applied.
  var merge: MergeState?
  /// A merge into this region that waits for its source: the next entry is the one that commits it.
  var awaitedMerge: AdminCommand.CommitMerge?
  /// The source that is caught up for the next entry.
  var readySource: (id: UInt64, commit: UInt64)?
  /// The locks of transactions; nil: this peer does not lead, or has not asked for them.
  private var locks: LockTracker?

  init(_ registration: ApplyRegistration) {
    peerID = registration.peerID
    region = registration.region
    state = registration.state
    appliedTerm = registration.appliedTerm
    merge = registration.merge
  }

  /// Applies a task's entries and adds one result for the raft worker. When it throws, the entries before the one
  /// that cannot be applied are in that result.
  ///
  /// - Returns: what is left of the task; nil if all is applied. It is continued when the data was hashed as it is now
  ///   (`context.hash`), or when the source of a merge is there (`awaitedMerge`), which is the next entry then.
  mutating func apply(
    _ task: ApplyTask, _ context: inout ApplyContext
  ) throws(ApplyError) -> ApplyTask? {
    var result = ApplyResult(
      regionID: task.regionID, peerID: peerID, state: state, appliedTerm: appliedTerm,
      changes: [], responses: task.responses, proposedAt: nil, writtenBytes: 0, writtenKeys: 0)
    let bytesBefore = context.batch.byteSize
    let keysBefore = context.batch.count
    var next = 0
    var failure: ApplyError?
    var rest: ApplyTask?
    for (position, entry) in task.entries.enumerated() {
      var proposal: Proposal?
      if next < task.proposals.count, task.proposals[next].index == entry.index {
        proposal = task.proposals[next]
        next += 1
      }
      if isRemoved {
        // Committed, and applied by the others.
        proposal?.fail(.staleCommand)
        continue
      }
      precondition(
        entry.index == state.appliedIndex + 1,
        "region \(region.id): entry \(entry.index) does not follow \(state.appliedIndex)")
      let mark = context.batch.mark
      do throws(ApplyError) {
        try apply(entry, proposal, &result, &context)
      } catch {
        context.batch.rollback(to: mark)
        result.responses = []
        failure = error
        break
      }
      if awaitedMerge != nil {
        rest = task.dropping(position)
        result.responses = []
        break
      }
      state.appliedIndex = entry.index
      appliedTerm = entry.term
      if let proposal { result.proposedAt = proposal.proposedAt }
      if context.hash != nil, position + 1 < task.entries.count {
        result.responses = []
        rest = task.dropping(position + 1)
        break
      }
    }
    precondition(
      failure != nil || rest != nil || next == task.proposals.count, "a proposal without its entry")
    state.commitIndex = max(state.commitIndex, state.appliedIndex)
    state.commitTerm = appliedTerm
    context.batch.put(.raft, KeyLayout.applyState(regionID: region.id), state.encoded())
    result.state = state
    result.appliedTerm = appliedTerm
    result.oldestLock = oldestLock()
    result.writtenBytes = UInt64(context.batch.byteSize - bytesBefore)
    result.writtenKeys = UInt64(context.batch.count - keysBefore - 1)
    context.results.append(result)
    if let failure { throw failure }
    return rest
  }

  private mutating func apply(
    _ entry: Entry, _ proposal: Proposal?, _ result: inout ApplyResult,
    _ context: inout ApplyContext
  ) throws(ApplyError) {
    switch entry.type {
    case .normal:
      if entry.data.isEmpty {
        // A new leader's empty entry; no one waits for it.
        proposal?.fail(.staleCommand)
        return
      }
      try applyCommand(entry, proposal, &result, &context)
    case .confChange, .confChangeV2:
      try applyMembership(entry, proposal, &result, &context)
    }
  }

  // MARK: Data and log

  private mutating func applyCommand(
    _ entry: Entry, _ proposal: Proposal?, _ result: inout ApplyResult,
    _ context: inout ApplyContext
  ) throws(ApplyError) {
    let mark = context.batch.mark
    var writer = CommandWriter(
      region: region, isMerging: merge != nil, batch: context.batch, tracksLocks: locks != nil)
    context.batch = WriteBatch()
    let outcome: CommandWriter.Outcome
    do throws(CodecError) {
      outcome = try writer.write(entry.data)
    } catch {
      context.batch = writer.batch
      throw ApplyError(index: entry.index, reason: "the command cannot be read: \(error)")
    }
    context.batch = writer.batch
    switch outcome {
    case .written:
      for change in writer.lockChanges ?? [] { locks?.apply(change) }
      result.deletedRanges += writer.deletedRanges
      respond(proposal, nil, &context)
    case .refused(let error):
      context.batch.rollback(to: mark)
      respond(proposal, withSiblings(error), &context)
    case .admin(let command):
      try applyAdmin(command, proposal, &result, &context)
    }
  }

  private mutating func applyAdmin(
    _ command: Command, _ proposal: Proposal?, _ result: inout ApplyResult,
    _ context: inout ApplyContext
  ) throws(ApplyError) {
    switch command.admin {
    case .compactLog(let index, let term):
      // The members may need the log in front of a prepared merge.
      if index > state.truncatedIndex && index <= state.appliedIndex && merge == nil {
        state.truncatedIndex = index
        state.truncatedTerm = term
        result.changes.append(.compactLog(index: index, term: term))
      }
      respond(proposal, nil, &context)
    case .batchSplit(let split):
      try applySplit(split, command.header, proposal, &result, &context)
    case .prepareMerge(let merge):
      applyPrepareMerge(merge, command.header, proposal, &result, &context)
    case .commitMerge(let merge):
      try applyCommitMerge(merge, command.header, proposal, &result, &context)
    case .rollbackMerge(let commit):
      applyRollbackMerge(commit, command.header, proposal, &result, &context)
    case .computeHash(let how):
      if let how = ConsistencyContext(how) {
        context.hash = HashRequest(
          region: region, peerID: peerID, index: state.appliedIndex + 1, context: how)
      }
      respond(proposal, nil, &context)
    case .verifyHash(let index, let hash, _):
      result.changes.append(.verifyHash(index: index, hash: hash))
      respond(proposal, nil, &context)
    case .changePeer, .changePeerV2, .transferLeader, nil:
      // None of these is proposed as a normal entry; a peer that does not know one must not guess.
      respond(
        proposal, .other(message: "admin command is not applied as a normal entry"), &context)
    }
  }

  // MARK: Locks

  /// Follows the locks of the region from here on. What is in the engine already is to be scanned, from a view that has
  /// everything applied so far: `scanned` gets the result.
  mutating func trackLocks(number: UInt64, maxBytes: Int) {
    locks = LockTracker(number: number, maxBytes: maxBytes)
  }

  mutating func stopTrackingLocks() { locks = nil }

  /// The scan of a tracker has ended. False if that tracker is gone.
  mutating func locksScanned(number: UInt64, _ found: [LockChange]?) -> Bool {
    guard locks?.number == number else { return false }
    locks?.scanned(found)
    return true
  }

  /// The oldest start timestamp of a lock; nil if it is not known.
  mutating func oldestLock() -> UInt64? { locks?.floor() }

  // MARK: Splits

  private mutating func applySplit(
    _ split: AdminCommand.BatchSplit, _ header: CommandHeader, _ proposal: Proposal?,
    _ result: inout ApplyResult, _ context: inout ApplyContext
  ) throws(ApplyError) {
    if let error = RequestCheck.epoch(
      header.epoch, RequestCheck.parts(of: .batchSplit(split)), of: region)
    {
      respond(proposal, error, &context)
      return
    }
    let plan: SplitPlan
    do throws(SplitPlan.Refusal) {
      plan = try SplitPlan(split, of: region)
    } catch {
      respond(proposal, .other(message: error.reason), &context)
      return
    }
    let children: [AppliedSplit.Child]
    do throws(StoreError) {
      children = try context.splits.apply(plan, peerID: peerID, &context.batch)
    } catch {
      throw ApplyError(
        index: state.appliedIndex + 1, reason: "\(error)", concernsStore: true)
    }
    region = plan.parent
    siblings = plan.children
    // Some are in other regions now: the peer asks again.
    locks = nil
    context.mustSync = true
    var completion: Completion<Result<[Region], RegionError>>?
    if case .admin(let waiter) = proposal?.waiters { completion = waiter }
    result.changes.append(
      .split(
        AppliedSplit(
          parent: region, children: children, sharesSize: split.sharesSize, completion: completion
        )))
  }

  /// Where the keys may be that a split has moved between proposing and applying.
  private func withSiblings(_ error: RegionError) -> RegionError {
    guard case .epochNotMatch(let regions) = error else { return error }
    return .epochNotMatch(currentRegions: regions + siblings)
  }

  // MARK: Membership

  private mutating func applyMembership(
    _ entry: Entry, _ proposal: Proposal?, _ result: inout ApplyResult,
    _ context: inout ApplyContext
  ) throws(ApplyError) {
    let change: ConfChangeV2
    let command: Command?
    do {
      // The core appends an entry without data in place of a change it refuses, and leaves a joint
      // configuration by a change without context.
      guard let carried = try ConfChangeV2.carried(by: entry) else { return }
      change = carried
      command = carried.context.isEmpty ? nil : try CommandCodec.decode(carried.context)
    } catch {
      throw ApplyError(index: entry.index, reason: "the change cannot be read: \(error)")
    }
    let outcome = effect(of: change, command)
    switch outcome {
    case .failure(let error):
      respond(proposal, error, &context)
    case .success(let changed):
      region = changed
      let removesSelf = region.peer(id: peerID) == nil
      isRemoved = removesSelf
      let local = RegionLocalState(state: removesSelf ? .tombstone : .normal, region: region)
      context.batch.put(.raft, KeyLayout.regionState(regionID: region.id), local.encoded())
      result.changes.append(
        .membership(change, region: region, removesSelf: removesSelf))
      respond(proposal, nil, &context)
    }
  }

  /// The region after a membership entry, or why it changes nothing.
  private func effect(
    of change: ConfChangeV2, _ command: Command?
  ) -> Result<Region, RegionError> {
    if merge != nil { return .failure(.proposalInMergingMode(regionID: region.id)) }
    let changes: [AdminCommand.PeerChange]
    switch command?.admin {
    case .changePeer(let single): changes = [single]
    case .changePeerV2(let several): changes = several
    case nil where change.changes.isEmpty: changes = []
    default: return .failure(.other(message: "the entry names no membership change"))
    }
    if let command, command.header.epoch.confVersion != region.epoch.confVersion {
      return .failure(.epochNotMatch(currentRegions: [region]))
    }
    do throws(MembershipChange.Refusal) {
      return .success(try MembershipChange.apply(changes, to: region))
    } catch {
      return .failure(.other(message: error.reason))
    }
  }

  // MARK: Responses

  func respond(
    _ proposal: Proposal?, _ error: RegionError?, _ context: inout ApplyContext
  ) {
    switch proposal?.waiters {
    case .writes(let completions):
      context.outcomes.append(.writes(completions, error.map { .failure($0) } ?? .success(())))
    case .admin(let completion):
      context.outcomes.append(
        .admin(completion, error.map { .failure($0) } ?? .success([region])))
    case .some(.none), nil: break
    }
  }
}
