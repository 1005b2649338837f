/// The Raft state machine of one node: messages and ticks in, messages and log changes out.
///
/// It reads no clock, file or socket, and reads storage without writing it. It is not copyable, so that
/// no access to a field copies the state by accident.
///
/// Invariants: the term and the commit index never decrease; a node votes for one candidate per term;
/// a leader only appends to its log.
struct Consensus<Storage: LogStorage>: ~Copyable {
  let id: UInt64
  let options: ConsensusOptions
  let sink: LogSink

  var term: UInt64 = 0
  /// The candidate this node has voted for in `term`, else `NodeID.none`.
  var vote = NodeID.none
  /// The leader of `term` as far as known, else `NodeID.none`.
  var leader = NodeID.none
  var role = Role.follower
  /// Whether this node replicates without a vote.
  var isLearner = false
  /// See `Config.priority`.
  var priority: Int64

  var log: RaftLog<Storage>
  var tracker: Tracker

  /// Messages that may be sent at once.
  var messages: [Message] = []
  /// Messages that may be sent only when everything that is unstable now is durable: votes and
  /// acknowledgments of entries, those of this node to itself included.
  var messagesAfterAppend: [Message] = []

  /// The target of a leadership transfer in progress (as leader), else `NodeID.none`. Proposals are
  /// dropped meanwhile.
  var leadTransferee = NodeID.none
  /// A membership change may be unapplied up to this index (as leader). No other is accepted until it is
  /// applied: two changes at once need not have overlapping quorums.
  var pendingConfIndex: UInt64 = 0
  /// Payload bytes of the uncommitted tail (as leader). An estimate: entries of earlier terms are not
  /// counted.
  var uncommittedSize: UInt64 = 0

  /// Reads that this leader confirms for itself and for followers.
  var reads = LeaderReads()
  /// Confirmed reads of this node, for the next ready.
  var readStates: [ReadState] = []

  /// Ticks since the last message of the leader or the last granted vote; as leader, since the last quorum
  /// check.
  var electionElapsed = 0
  /// Ticks since the last heartbeat (as leader).
  var heartbeatElapsed = 0
  /// Ticks after which this node campaigns, drawn anew at each change of term or role.
  var randomizedElectionTimeout = 0
  var jitter: Jitter
  /// See `Config.skipBroadcastCommit`.
  var skipBroadcastCommit: Bool
  /// The index the owner has reported as applied ahead of `storageApplyResponse`, to be broadcast.
  var broadcastApplied: UInt64 = 0

  private init(blank config: Config, storage: Storage) {
    id = config.id
    sink = LogSink(logger: config.logger)
    options = ConsensusOptions(config)
    priority = config.priority
    skipBroadcastCommit = config.skipBroadcastCommit
    jitter = Jitter(seed: config.seed, id: config.id)
    log = RaftLog(
      storage: storage, maxApplyingSize: options.maxCommittedSizePerReady, sink: sink)
    tracker = Tracker(
      maxInflight: config.maxInflightMessages, maxInflightBytes: options.maxInflightBytes)
  }

  /// A follower with the hard state, membership and log in storage. Throws if they contradict each
  /// other.
  static func start(config: Config, storage: Storage) throws(RaftError) -> Consensus {
    try config.validate()
    let stored: (hardState: HardState, confState: ConfState)
    do {
      stored = try storage.initialState()
    } catch {
      throw .storage(error)
    }
    var node = Consensus(blank: config, storage: storage)
    try node.install(stored.confState)
    if !stored.hardState.isEmpty { try node.load(stored.hardState) }
    if config.applied > 0 { try node.log.applied(to: config.applied, size: 0) }
    node.becomeFollower(term: node.term, leader: NodeID.none)
    try node.logStart()
    return node
  }

  private func logStart() throws(RaftError) {
    let last = try log.lastEntryID()
    sink.info(
      "newRaft \(self.id.hex) [peers: [\(self.voterList)], term: \(self.term), "
        + "commit: \(self.log.committed), applied: \(self.log.applied), "
        + "lastindex: \(last.index), lastterm: \(last.term)]")
  }

  var hardState: HardState { HardState(term: term, vote: vote, commit: log.committed) }

  var softState: SoftState { SoftState(leader: leader, role: role) }

  private var voterList: String {
    tracker.config.voters.ids.ids.map(\.hex).joined(separator: ",")
  }

  /// Whether the node may campaign: a voter of its own membership, with no snapshot to be stored.
  var isPromotable: Bool {
    guard let slot = tracker.progress.slot(of: id) else { return false }
    return !tracker.progress.values[slot].isLearner && log.unstable.snapshot == nil
  }

  private mutating func load(_ state: HardState) throws(RaftError) {
    guard state.commit >= log.committed, state.commit <= log.lastIndex else {
      throw sink.abort(
        "\(id.hex) state.commit \(state.commit) is out of range "
          + "[\(log.committed), \(log.lastIndex)]")
    }
    log.committed = state.commit
    term = state.term
    vote = state.vote
  }

  /// Replaces the membership by the one in storage or in a snapshot.
  mutating func install(_ state: ConfState) throws(RaftError) {
    tracker = Tracker(
      maxInflight: tracker.maxInflight, maxInflightBytes: tracker.maxInflightBytes)
    var changer = ConfChanger(tracker: tracker, lastIndex: log.lastIndex)
    let outcome: ConfChanger.Outcome
    do {
      outcome = try changer.restore(state)
    } catch {
      throw sink.abort("unable to restore config \(state): \(error)")
    }
    let installed = try switchTo(outcome)
    guard installed.isEquivalent(to: state) else {
      throw sink.abort("ConfStates not equivalent after restore: \(state) and \(installed)")
    }
  }
}
