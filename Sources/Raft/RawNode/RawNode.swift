/// One node of one group, without threads or channels: its owner feeds it messages, ticks and
/// proposals, takes readies out, and does what they say.
///
/// An error for which `RaftError.isFatal` holds means that the node contradicts itself or cannot
/// read its log: it must not be used any further.
///
/// It is a handle: copies stand for the same node. A node's state is large, and to look at it through
/// a property of someone's class must not copy it.
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

  package init(config: Config, storage: Storage) throws(RaftError) {
    state = State(try Consensus.start(config: config, storage: storage))
  }

  @inline(__always)
  var core: Consensus<Storage> {
    _read { yield state.core }
    nonmutating _modify { yield &state.core }
  }

  /// What the owner was told last.
  @inline(__always)
  var previousSoftState: SoftState {
    get { state.previousSoftState }
    nonmutating set { state.previousSoftState = newValue }
  }

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

// MARK: What the node is and knows

extension RawNode {
  package var id: UInt64 { core.id }
  package var storage: Storage { core.log.storage }
  package var term: UInt64 { core.term }
  package var vote: UInt64 { core.vote }
  /// The leader as far as known, else 0.
  package var leaderID: UInt64 { core.leader }
  package var role: Role { core.role }
  package var isLeader: Bool { core.role == .leader }
  package var isLearner: Bool { core.isLearner }
  package var committed: UInt64 { core.log.committed }
  /// Last index reported as applied.
  package var applied: UInt64 { core.log.applied }
  /// Last index handed out for application.
  package var applying: UInt64 { core.log.applying }
  package var firstIndex: UInt64 { core.log.firstIndex }
  /// Last index of the log, durable or not.
  package var lastIndex: UInt64 { core.log.lastIndex }
  /// Who is to take over, else 0.
  package var leadTransferee: UInt64 { core.leadTransferee }
  /// Whether a membership change may be in the log that is not applied yet (as leader).
  package var hasPendingConfChange: Bool { core.pendingConfIndex > core.log.applied }
  package var pendingConfIndex: UInt64 { core.pendingConfIndex }
  /// Whether a snapshot was received that storage has not taken over yet.
  package var hasPendingSnapshot: Bool { core.log.unstable.snapshot != nil }
  package var electionElapsed: Int { core.electionElapsed }
  package var randomizedElectionTimeout: Int { core.randomizedElectionTimeout }
  /// Whether the node may campaign.
  package var isPromotable: Bool { core.isPromotable }
  package var hardState: HardState { core.hardState }
  package var softState: SoftState { core.softState }
  package var confState: ConfState { core.tracker.config.confState }
  package var isJoint: Bool { core.tracker.config.isJoint }
  /// Whether this node alone decides.
  package var isSingleton: Bool { core.tracker.config.voters.isSingleton }
  /// Payload bytes of the leader's uncommitted tail.
  package var uncommittedSize: UInt64 { core.uncommittedSize }

  package var basicStatus: BasicStatus {
    BasicStatus(
      id: core.id, hardState: core.hardState, softState: core.softState,
      applied: core.log.applied, leadTransferee: core.leadTransferee)
  }

  package var status: Status {
    var peers: [PeerProgress] = []
    if isLeader { forEachProgress { peers.append(PeerProgress(id: $0, progress: $1)) } }
    return Status(basic: basicStatus, config: core.tracker.config, progress: peers)
  }

  /// The term of the entry at `index`, or nil if the log does not hold it.
  package func term(at index: UInt64) -> UInt64? {
    try? core.log.term(at: index)
  }

  /// Whether an entry of the current term is committed (as leader): before that neither reads nor
  /// membership may rely on the commit index.
  package var hasCommittedInTerm: Bool { term(at: core.log.committed) == core.term }

  /// What is known of a peer, or nil if it is not tracked; meaningful on the leader.
  package func progress(of id: UInt64) -> Progress? { core.tracker.progress[id] }

  /// Visits what is known of all peers, this one included, ascending; meaningful on the leader.
  package func forEachProgress(_ body: (UInt64, Progress) -> Void) {
    let map = core.tracker.progress
    for slot in 0..<map.count { body(map.ids[slot], map.values[slot]) }
  }
}

// MARK: Settings that may change while it runs

extension RawNode {
  /// Sets the election priority: among equal logs, voters refuse a candidate of lower priority than
  /// their own.
  package mutating func setPriority(_ priority: Int64) { core.priority = priority }

  /// Whether followers learn of commits only by the next append or heartbeat.
  package mutating func setSkipBroadcastCommit(_ skip: Bool) { core.skipBroadcastCommit = skip }

  /// The owner has applied entries up to `index`, but will report so later: other members may know of
  /// it now, which matters to those that a membership change is about to leave out.
  package mutating func broadcastAppliedIndex(_ index: UInt64) throws(RaftError) {
    core.broadcastApplied = max(core.broadcastApplied, index)
    if core.role == .leader { try core.broadcastAppend() }
  }

  /// Limits the append messages under way to one peer; 0 pauses it.
  package mutating func setMaxInflightMessages(_ limit: Int, for id: UInt64) {
    guard let slot = core.tracker.progress.slot(of: id) else { return }
    core.tracker.progress.values[slot].inflights.resize(to: limit)
  }

  /// Fixes the election timeout until the next change of term or role; for tests.
  package mutating func setRandomizedElectionTimeout(_ ticks: Int) {
    core.randomizedElectionTimeout = ticks
  }
}

/// A first member of a new group.
package struct BootstrapPeer: Sendable, Equatable {
  package var id: UInt64
  package var context: [UInt8]

  package init(id: UInt64, context: [UInt8] = []) {
    self.id = id
    self.context = context
  }
}
