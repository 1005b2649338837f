/// One node of one group, without threads or channels. Its owner passes it messages, ticks and proposals,
/// calls `ready` and does the work that it returns: etcd's `RawNode`.
///
/// All calls come from one thread at a time. None blocks, except that storage may read a file.
///
/// An error for which `RaftError.isFatal` holds means that the node contradicts itself or cannot
/// read its log. It must not be used any further.
///
/// It is a reference: copies stand for the same node, so that access through a property of a class does
/// not copy the large state.
package struct RawNode<Storage: LogStorage> {
  private final class State {
    var core: Consensus<Storage>
    var previousSoftState: SoftState
    var previousHardState: HardState
    var stepsOnAdvance: [Message] = []

    init(_ core: consuming Consensus<Storage>) {
      previousSoftState = core.softState
      previousHardState = core.hardState
      self.core = core
    }
  }

  private let state: State

  /// A follower with the state in `storage`. Throws `invalidConfig`, or what `storage` throws.
  package init(config: Config, storage: Storage) throws(RaftError) {
    state = State(try Consensus.start(config: config, storage: storage))
  }

  @inline(__always)
  var core: Consensus<Storage> {
    _read { yield state.core }
    nonmutating _modify { yield &state.core }
  }

  /// The soft state of the last ready.
  @inline(__always)
  var previousSoftState: SoftState {
    get { state.previousSoftState }
    nonmutating set { state.previousSoftState = newValue }
  }

  /// The hard state of the last ready.
  @inline(__always)
  var previousHardState: HardState {
    get { state.previousHardState }
    nonmutating set { state.previousHardState = newValue }
  }

  /// Messages to this node itself that `advance` delivers (synchronous mode).
  @inline(__always)
  var stepsOnAdvance: [Message] {
    _read { yield state.stepsOnAdvance }
    nonmutating _modify { yield &state.stepsOnAdvance }
  }
}

// MARK: State

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

// MARK: Settings that may change while the node runs

extension RawNode {
  /// Sets `Config.priority`.
  package mutating func setPriority(_ priority: Int64) { core.priority = priority }

  /// Sets `Config.skipBroadcastCommit`.
  package mutating func setSkipBroadcastCommit(_ skip: Bool) { core.skipBroadcastCommit = skip }

  /// Broadcasts `index`, which the owner has applied and will report later, as committed. A member that a
  /// membership change removes can then still apply the change.
  package mutating func broadcastAppliedIndex(_ index: UInt64) throws(RaftError) {
    core.broadcastApplied = max(core.broadcastApplied, index)
    if core.role == .leader { try core.broadcastAppend() }
  }

  /// Sets `Config.maxInflightMessages` for one peer; 0 pauses it. Messages already sent stay counted.
  package mutating func setMaxInflightMessages(_ limit: Int, for id: UInt64) {
    guard let slot = core.tracker.progress.slot(of: id) else { return }
    core.tracker.progress.values[slot].inflights.resize(to: limit)
  }

  /// Fixes the election timeout until the next change of term or role, for tests.
  package mutating func setRandomizedElectionTimeout(_ ticks: Int) {
    core.randomizedElectionTimeout = ticks
  }
}

/// A first member of a new group.
package struct BootstrapPeer: Sendable, Equatable {
  package var id: UInt64
  /// The context of its membership change, opaque to raft.
  package var context: [UInt8]

  package init(id: UInt64, context: [UInt8] = []) {
    self.id = id
    self.context = context
  }
}
