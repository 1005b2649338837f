// What the node knows and where it stands.
extension RawNode {
  package var id: UInt64 { core.id }
  package var storage: Storage { core.log.storage }
  package var term: UInt64 { core.term }
  /// The candidate voted for in this term, else `NodeID.none`.
  package var vote: UInt64 { core.vote }
  /// The leader of this term as far as known, else `NodeID.none`.
  package var leaderID: UInt64 { core.leader }
  package var role: Role { core.role }
  package var isLeader: Bool { core.role == .leader }
  /// Whether this node replicates without a vote.
  package var isLearner: Bool { core.isLearner }
  /// The last index known to be committed. Never decreases.
  package var committed: UInt64 { core.log.committed }
  /// The last index reported as applied.
  package var applied: UInt64 { core.log.applied }
  /// The last index returned for application.
  package var applying: UInt64 { core.log.applying }
  /// The first index of the log: one above the last compacted one.
  package var firstIndex: UInt64 { core.log.firstIndex }
  /// The last index of the log, durable or not.
  package var lastIndex: UInt64 { core.log.lastIndex }
  /// The target of a leadership transfer in progress (as leader), else `NodeID.none`.
  package var leadTransferee: UInt64 { core.leadTransferee }
  /// Whether the log may hold a membership change that is not applied yet (as leader).
  package var hasPendingConfChange: Bool { core.pendingConfIndex > core.log.applied }
  /// The index up to which a membership change may be unapplied (as leader): an upper bound.
  package var pendingConfIndex: UInt64 { core.pendingConfIndex }
  /// Whether a received snapshot is not stored yet.
  package var hasPendingSnapshot: Bool { core.log.unstable.snapshot != nil }
  /// Ticks since the last message of the leader or the last granted vote; as leader, since the last quorum
  /// check.
  package var electionElapsed: Int { core.electionElapsed }
  /// Ticks after which the node campaigns.
  package var randomizedElectionTimeout: Int { core.randomizedElectionTimeout }
  /// Whether the node may campaign: a voter of its own membership, with no snapshot to be stored.
  package var isPromotable: Bool { core.isPromotable }
  package var hardState: HardState { core.hardState }
  package var softState: SoftState { core.softState }
  package var confState: ConfState { core.tracker.config.confState }
  /// Whether the membership is a joint configuration.
  package var isJoint: Bool { core.tracker.config.isJoint }
  /// Whether the group has one voter.
  package var isSingleton: Bool { core.tracker.config.voters.isSingleton }
  /// Payload bytes of the uncommitted tail (as leader).
  package var uncommittedSize: UInt64 { core.uncommittedSize }

  /// A copy of the state of this node; does not allocate.
  package var basicStatus: BasicStatus {
    BasicStatus(
      id: core.id, hardState: core.hardState, softState: core.softState,
      applied: core.log.applied, leadTransferee: core.leadTransferee)
  }

  /// A copy of the state of this node, its membership and its peers.
  package var status: Status {
    var peers: [PeerProgress] = []
    if isLeader { forEachProgress { peers.append(PeerProgress(id: $0, progress: $1)) } }
    return Status(basic: basicStatus, config: core.tracker.config, progress: peers)
  }

  /// The term of the entry at `index`. Nil if the log does not hold it or storage fails.
  package func term(at index: UInt64) -> UInt64? {
    try? core.log.term(at: index)
  }

  /// Whether an entry of the current term is committed. Before that neither reads nor membership changes of
  /// a leader may rely on its commit index.
  package var hasCommittedInTerm: Bool { term(at: core.log.committed) == core.term }

  /// The progress of a peer; nil if it is not tracked. Meaningful on the leader.
  package func progress(of id: UInt64) -> Progress? { core.tracker.progress[id] }

  /// Visits the progress of all peers and of this node, ascending by id. Meaningful on the leader.
  package func forEachProgress(_ body: (UInt64, Progress) -> Void) {
    let map = core.tracker.progress
    for slot in 0..<map.count { body(map.ids[slot], map.values[slot]) }
  }
}
