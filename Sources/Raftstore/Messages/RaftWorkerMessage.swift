package import Codec
package import Engine
package import Raft
package import Runtime

/// Everything that reaches a raft worker. Cases up to `tick` may be refused by a full mailbox; the
/// others are responses the worker is owed and are always posted.
package enum RaftWorkerMessage: Sendable {
  /// From another store, or from the store worker after it created the peer.
  case raft(RaftEnvelope)
  case write(WriteRequest)
  case read(ReadRequest)
  case admin(AdminRequest)
  case split(SplitRequest)
  /// One base tick of all peers of the shard.
  case tick

  /// All workers are there: the loaded peers may begin. Posted once, first of all.
  case start
  /// The log writer did all tasks of the peer up to `number`; `responses` are stepped in order.
  case persisted(regionID: UInt64, peerID: UInt64, number: UInt64, responses: [Message])
  /// The apply worker has applied entries.
  case applied(ApplyResult)
  /// The apply worker released a peer that is being destroyed.
  case applyStopped(regionID: UInt64, peerID: UInt64)
  /// The region worker built a snapshot, or could not.
  case snapshotGenerated(
    regionID: UInt64, peerID: UInt64, result: Result<GeneratedSnapshot, SnapshotError>)
  /// The region worker put a received snapshot's data in place, or could not.
  case snapshotApplied(
    regionID: UInt64, peerID: UInt64, key: SnapshotKey, error: SnapshotError?)
  /// The transport sent a snapshot, or gave up.
  case snapshotSent(regionID: UInt64, toPeerID: UInt64, key: SnapshotKey, succeeded: Bool)
  /// The transport cannot reach a store: all peers there count as unreachable.
  case storeUnreachable(storeID: UInt64)
  /// The transport lost a message to one peer.
  case peerUnreachable(regionID: UInt64, peerID: UInt64)
  /// The store worker decided that a message may create a peer here.
  case createPeer(regionID: UInt64, peer: PeerInfo, cause: RaftEnvelope)
  /// The parent's raft worker has applied a split that created a peer of this shard.
  case createChild(SplitChild)
  /// The peer of this store has become the leader of the parent: a child that has seen no election campaigns.
  case campaignChild(regionID: UInt64)
  /// The region's log keeps others from being freed: cut it as far as its members allow.
  case compactLog(regionID: UInt64)
  /// The store is about to stop: leaders hand over to others where they can.
  case evictLeaders
  /// An operator from the placement driver.
  case executeOperator(RegionOperator)
  /// The split check worker has measured the region.
  case splitChecked(SplitCheckResult)
  /// The placement driver's response to a `SplitQuestion`.
  case splitIDs(
    regionID: UInt64, peerID: UInt64, number: UInt64, Result<[SplitIDs], PDClientError>)
  /// Snapshot files of this region that nothing uses: the peer decides which may go.
  case gcSnapshots(regionID: UInt64, [IdleSnapshot])
  /// The placement driver was asked whether a peer is still a member.
  case membershipChecked(regionID: UInt64, peerID: UInt64, MembershipStatus)
  /// Asks for one region's state, or all; for operators and tests.
  case inspect(regionID: UInt64?, Completion<[RegionStatus]>)
  /// The apply worker of a merge's target waits for the source's peer here: to the source.
  case catchUpLogs(CatchUpRequest)
  /// The response to that: to the target.
  case sourceCaughtUp(CaughtUpSource)
  /// The merge is applied here: to the source.
  case sourceMerged(regionID: UInt64)
  /// The source has no data here: to the target, which waits for it.
  case sourceLost(regionID: UInt64, peerID: UInt64)
  /// A snapshot with keys of a merged region waits: to that region.
  case releaseSource(SourceRelease)
  /// The response to that: to the region with the snapshot.
  case sourceReleased(SourceRelease)
  /// The snapshot is not applied: to the region that has made way.
  case reclaimSource(regionID: UInt64)
  /// Another region has its keys at a later version.
  case suspectMerge(regionID: UInt64)
  /// The placement driver confirms that the region was merged. `isMember`: this store is a member of a region that has
  /// its keys.
  case mergeConfirmed(regionID: UInt64, peerID: UInt64, isMember: Bool)
  /// A store that was silent is heard again (`StoreLiveness`).
  case storeHeard(storeID: UInt64)
  /// Another store asks whether the peers here agree with its leaders; may be refused by a full mailbox. Completed with
  /// the regions that do.
  case checkLeaders([LeaderInfo], Completion<[UInt64]>)
  /// The placement driver has issued a timestamp, with which leaders begin a round of questions to other stores.
  case advanceSafeTS(round: UInt64, timestamp: UInt64)
  /// Another store agrees with the leaders of these regions.
  case leadersAgreed(storeID: UInt64, round: UInt64, regionIDs: [UInt64])
  /// The locks of a region are known; `oldest` is nil if they are not.
  case locksTracked(regionID: UInt64, peerID: UInt64, number: UInt64, oldest: UInt64?)
  /// A region gets many reads; may be refused by a full mailbox.
  case readLoad(ReadLoadReport)
  /// The compaction worker has rewritten files of the region's range, or knows of deletions that a measure shows.
  case rangeCompacted(regionID: UInt64)
  /// A peer's log or data is not what was written. The peer is the one with this id; nil: the one that is there.
  case peerDamaged(regionID: UInt64, peerID: UInt64?, kind: DamageKind, reason: String)
  /// The consistency worker has hashed the region's data behind entry `index`.
  case hashComputed(regionID: UInt64, peerID: UInt64, index: UInt64, hash: [UInt8])
  /// Have the region compared with its replicas; the completion gets what was found.
  case checkConsistency(
    regionID: UInt64, Completion<Result<ConsistencyReport, RegionError>>?)
  /// What the placement driver wants of a peer whose region has lost its quorum.
  case recoverPeer(regionID: UInt64, PeerRecovery)
  /// The placement driver has refused the leader's last report.
  case heartbeatRefused(regionID: UInt64, peerID: UInt64)
}

/// See `RecoveryPlan`.
package enum PeerRecovery: Sendable {
  case destroy
  case continueAlone(without: [PeerInfo])
}

/// What the placement driver knows of a peer's membership.
package enum MembershipStatus: Sendable, Hashable {
  /// It did not respond: nothing is known.
  case unavailable
  case member
  /// It is not a member by a later membership than the peer has heard of.
  case removed
  /// It is not a member, by a membership that may be older than the peer.
  case unlisted
  case unknownRegion
}

extension RaftWorkerMessage {
  /// About the memory it keeps while it waits, in bytes. Responses of other workers cost nothing here:
  /// what they carry was counted when it was asked for.
  var mailboxCost: Int {
    switch self {
    case .raft(let envelope): envelope.approximateSize
    case .write(let request): request.requests.bytes.count + 256
    case .read, .admin: 256
    case .checkLeaders(let leaders, _): 256 + 96 * leaders.count
    case .split(let request): request.keys.reduce(256) { $0 + $1.count + 32 }
    default: 0
    }
  }
}

/// A client's write: all mutations of one region, atomically.
package struct WriteRequest: Sendable {
  package var context: RequestContext
  /// The changes as a log entry carries them: encoded once, on the requester's thread.
  package var requests: RequestList
  /// The only term in which the write may be proposed; nil for any. Writes that depend on a read set it to
  /// `ReadGrant.writeTerm`.
  package var requiredTerm: UInt64?
  /// Called once, after the write is applied on the leader or refused.
  package var completion: Completion<Result<Void, RegionError>>

  package init(
    context: RequestContext, requests: RequestList, requiredTerm: UInt64? = nil,
    completion: Completion<Result<Void, RegionError>>
  ) {
    self.context = context
    self.requests = requests
    self.requiredTerm = requiredTerm
    self.completion = completion
  }
}

/// A client's read that no lease could serve at once.
package struct ReadRequest: Sendable {
  package var context: RequestContext
  package var completion: Completion<Result<ReadGrant, RegionError>>

  package init(
    context: RequestContext, completion: Completion<Result<ReadGrant, RegionError>>
  ) {
    self.context = context
    self.completion = completion
  }
}

/// The right to read a region: a view of the data that holds everything acknowledged before the
/// request was made.
package struct ReadGrant: Sendable {
  package var region: Region
  package var snapshot: any KVSnapshot
  package var term: UInt64
  /// The `WriteRequest.requiredTerm` of a write that depends on this view. Nil if the peer does not lead, or has not
  /// applied an entry of its term: the view may then lack entries of earlier terms. Otherwise it lacks at most the
  /// writes that this leader proposed in this term and has not completed.
  package var writeTerm: UInt64?
  package var appliedIndex: UInt64

  package init(
    region: Region, snapshot: any KVSnapshot, term: UInt64, writeTerm: UInt64?,
    appliedIndex: UInt64
  ) {
    self.region = region
    self.snapshot = snapshot
    self.term = term
    self.writeTerm = writeTerm
    self.appliedIndex = appliedIndex
  }
}

/// A change to a region itself, asked for by the placement driver or an operator.
package struct AdminRequest: Sendable {
  package var regionID: UInt64
  /// The epoch the change was made for; a stale one is refused.
  package var epoch: RegionEpoch
  package var command: AdminCommand
  /// Called once with the region as it is afterwards; after a split, with all resulting regions in key order.
  package var completion: Completion<Result<[Region], RegionError>>

  package init(
    regionID: UInt64, epoch: RegionEpoch, command: AdminCommand,
    completion: Completion<Result<[Region], RegionError>>
  ) {
    self.regionID = regionID
    self.epoch = epoch
    self.command = command
    self.completion = completion
  }
}

/// One replica's state, for people and tests.
package struct RegionStatus: Sendable {
  package var region: Region
  package var peer: PeerInfo
  package var peerState: PeerState
  package var role: Role
  package var leaderPeerID: UInt64
  package var term: UInt64
  package var vote: UInt64
  package var committed: UInt64
  package var applied: UInt64
  package var firstIndex: UInt64
  package var lastIndex: UInt64
  package var truncatedIndex: UInt64
  package var progress: [PeerProgress]
  package var leaseMilliseconds: Int64?
  package var isApplyingSnapshot: Bool
  /// Whether the peer is hibernated.
  package var isAsleep = false
  /// How often it has hibernated.
  package var sleeps: UInt64 = 0
  /// Of the last entry; 0 if it is not known.
  package var lastTerm: UInt64

  /// What the leader knows of one replica.
  package struct PeerProgress: Sendable {
    package var peerID: UInt64
    package var match: UInt64
    package var next: UInt64
    package var state: String
    package var isActive: Bool
    package var isLearner: Bool

    package init(
      peerID: UInt64, match: UInt64, next: UInt64, state: String, isActive: Bool, isLearner: Bool
    ) {
      self.peerID = peerID
      self.match = match
      self.next = next
      self.state = state
      self.isActive = isActive
      self.isLearner = isLearner
    }
  }

  package init(
    region: Region, peer: PeerInfo, peerState: PeerState, role: Role, leaderPeerID: UInt64,
    term: UInt64, vote: UInt64, committed: UInt64, applied: UInt64, firstIndex: UInt64,
    lastIndex: UInt64, truncatedIndex: UInt64, progress: [PeerProgress],
    leaseMilliseconds: Int64?, isApplyingSnapshot: Bool, lastTerm: UInt64 = 0
  ) {
    self.region = region
    self.peer = peer
    self.peerState = peerState
    self.role = role
    self.leaderPeerID = leaderPeerID
    self.term = term
    self.vote = vote
    self.committed = committed
    self.applied = applied
    self.firstIndex = firstIndex
    self.lastIndex = lastIndex
    self.truncatedIndex = truncatedIndex
    self.progress = progress
    self.leaseMilliseconds = leaseMilliseconds
    self.isApplyingSnapshot = isApplyingSnapshot
    self.lastTerm = lastTerm
  }
}
