package import Codec
package import Raft
package import Runtime

/// Messages from the raft worker to the apply worker. All are posted: the raft worker bounds their
/// number.
package enum ApplyMessage: Sendable {
  /// A peer was loaded or created, or its state was replaced by a snapshot.
  case register(ApplyRegistration)
  case apply(ApplyTask)
  /// Take a view of the engine between two batches and have a snapshot built from it.
  case generateSnapshot(regionID: UInt64, peerID: UInt64, SnapshotCancellation)
  /// Let go of the peer; completed by `RaftWorkerMessage.applyStopped`.
  case stop(regionID: UInt64, peerID: UInt64)
  /// The source of a committed merge is caught up on this store: the target goes on.
  case resumeMerge(CaughtUpSource)
  /// There will be no such source: the target gives up its data.
  case abandonMerge(regionID: UInt64, peerID: UInt64)
  /// Follow the locks of a region that this store leads; `RaftWorkerMessage.locksTracked` says when they are known.
  case trackLocks(regionID: UInt64, peerID: UInt64, number: UInt64)
  case stopTrackingLocks(regionID: UInt64, peerID: UInt64)
  /// The locks that a view of the engine had; nil if they are too many or cannot be read.
  case locksScanned(LockScan, [LockChange]?)
}

extension ApplyMessage {
  /// The region it concerns: decides which apply worker gets it.
  var regionID: UInt64 {
    switch self {
    case .register(let registration): registration.region.id
    case .apply(let task): task.regionID
    case .generateSnapshot(let regionID, _, _), .stop(let regionID, _): regionID
    case .trackLocks(let regionID, _, _), .stopTrackingLocks(let regionID, _): regionID
    case .locksScanned(let scan, _): scan.regionID
    case .resumeMerge(let source): source.targetRegionID
    case .abandonMerge(let regionID, _): regionID
    }
  }
}

/// The state from which a peer's entries are applied.
package struct ApplyRegistration: Sendable {
  package var peerID: UInt64
  package var region: Region
  package var state: ApplyState
  /// The term of the entry at `state.appliedIndex`.
  package var appliedTerm: UInt64
  /// The merge of the region that is prepared; nil: none is.
  package var merge: MergeState?

  package init(
    peerID: UInt64, region: Region, state: ApplyState, appliedTerm: UInt64,
    merge: MergeState? = nil
  ) {
    self.peerID = peerID
    self.region = region
    self.state = state
    self.appliedTerm = appliedTerm
    self.merge = merge
  }
}

/// Committed entries of one region, in order and without a gap after the last task.
package struct ApplyTask: Sendable {
  package var regionID: UInt64
  package var peerID: UInt64
  package var entries: [Entry]
  /// Those proposed by this peer, ascending by index; each belongs to one of `entries`.
  package var proposals: [Proposal]
  /// Stepped by the raft worker once the entries are applied.
  package var responses: [Message]

  package init(
    regionID: UInt64, peerID: UInt64, entries: [Entry], proposals: [Proposal],
    responses: [Message]
  ) {
    self.regionID = regionID
    self.peerID = peerID
    self.entries = entries
    self.proposals = proposals
    self.responses = responses
  }

  /// The task without its first `count` entries and those who wait for them.
  func dropping(_ count: Int) -> Self {
    var rest = self
    rest.entries = Array(entries[count...])
    if let first = rest.entries.first { rest.proposals.removeAll { $0.index < first.index } }
    return rest
  }
}

/// A proposed entry and the requests whose mutations were merged into it.
package struct Proposal: Sendable {
  /// The kinds of requester.
  package enum ProposalCompletions: Sendable {
    case writes([Completion<Result<Void, RegionError>>])
    case admin(Completion<Result<[Region], RegionError>>)
    /// Proposed by the node for itself.
    case none
  }

  package var index: UInt64
  package var term: UInt64
  /// When it was proposed: a lease may be counted from here once it is applied.
  package var proposedAt: Instant
  package var waiters: ProposalCompletions

  package init(index: UInt64, term: UInt64, proposedAt: Instant, waiters: ProposalCompletions) {
    self.index = index
    self.term = term
    self.proposedAt = proposedAt
    self.waiters = waiters
  }

  /// Notifies all who wait that the entry will not be applied, or was refused.
  package func fail(_ error: RegionError) {
    switch waiters {
    case .writes(let completions): for completion in completions { completion(.failure(error)) }
    case .admin(let completion): completion(.failure(error))
    case .none: break
    }
  }
}

/// What applying a task has changed, told to the raft worker after the data is written.
package struct ApplyResult: Sendable {
  /// A change the raft worker must follow, in the order of the log.
  package enum Change: Sendable {
    /// The membership changed: to be passed to the raft core. `region` is the region afterwards;
    /// with `removesSelf` this peer is no longer a member and must be destroyed. A refused change
    /// is not told: the core owes nothing to an entry that changes nothing.
    case membership(ConfChangeV2, region: Region, removesSelf: Bool)
    /// The log is no longer needed up to `index`.
    case compactLog(index: UInt64, term: UInt64)
    /// The region was split. Its completion waits for the raft worker.
    case split(AppliedSplit)
    /// A merge of the region into another one is prepared.
    case mergePrepared(Region, MergeState)
    /// The region has taken over the range of another one. Its completion waits for the raft worker.
    case mergeCommitted(AppliedMerge)
    /// The prepared merge has come to nothing.
    case mergeRolledBack(Region)
    /// A majority of replicas has this hash of the data at `index`.
    case verifyHash(index: UInt64, hash: [UInt8])
  }

  package var regionID: UInt64
  package var peerID: UInt64
  package var state: ApplyState
  package var appliedTerm: UInt64
  package var changes: [Change]
  package var responses: [Message]
  /// The time the last own proposal among the applied entries was made; a lease may start there.
  package var proposedAt: Instant?
  package var writtenBytes: UInt64
  package var writtenKeys: UInt64
  /// Ranges of values that were deleted at once: `writtenBytes` says little of them.
  package var deletedRanges: [KeyRange] = []
  /// The oldest start timestamp of a lock in the region after these entries, `UInt64.max` if there is no lock; nil if it
  /// is not known.
  package var oldestLock: UInt64?

  package init(
    regionID: UInt64, peerID: UInt64, state: ApplyState, appliedTerm: UInt64, changes: [Change],
    responses: [Message], proposedAt: Instant?, writtenBytes: UInt64, writtenKeys: UInt64
  ) {
    self.regionID = regionID
    self.peerID = peerID
    self.state = state
    self.appliedTerm = appliedTerm
    self.changes = changes
    self.responses = responses
    self.proposedAt = proposedAt
    self.writtenBytes = writtenBytes
    self.writtenKeys = writtenKeys
  }

  /// The raft worker that owns the peer has stopped, or the peer is gone: completes the requests that waited
  /// for it. What they asked for is durable.
  func completeAll() {
    for change in changes {
      switch change {
      case .split(let split): split.complete()
      case .mergeCommitted(let merge): merge.complete()
      default: break
      }
    }
  }

  /// The changes could not be written: whether they were is not known.
  func abandonAll() {
    let error = RegionError.undeterminedResult(message: "the store failed while applying")
    for change in changes {
      switch change {
      case .split(let split): split.completion?(.failure(error))
      case .mergeCommitted(let merge): merge.completion?(.failure(error))
      default: break
      }
    }
  }
}
