/// The Raft state machine of one node: messages and ticks in, messages and log changes out.
///
/// Nothing here reads a clock, a file or a socket; storage is only read. What must wait until the
/// log is durable is kept apart in `messagesAfterAppend`. A node is one: it cannot be copied, not even
/// by accident on the way to one of its fields.
struct Consensus<Storage: LogStorage>: ~Copyable {
  let id: UInt64
  let options: ConsensusOptions
  let sink: LogSink

  var term: UInt64 = 0
  var vote = NodeID.none
  var leader = NodeID.none
  var role = Role.follower
  var isLearner = false
  /// Among equal logs voters refuse a candidate of lower priority than their own.
  var priority: Int64

  var log: RaftLog<Storage>
  var tracker: Tracker

  /// May leave at once.
  var messages: [Message] = []
  /// May leave only when all that is unstable now is durable.
  var messagesAfterAppend: [Message] = []

  var leadTransferee = NodeID.none
  /// Only one membership change may be unapplied: no other is proposed until this index is applied.
  var pendingConfIndex: UInt64 = 0
  /// Payload bytes of the uncommitted tail (as leader).
  var uncommittedSize: UInt64 = 0

  /// Reads that this leader confirms for itself and for followers.
  var reads = LeaderReads()
  /// Reads of this node that may be served once their index is applied.
  var readStates: [ReadState] = []

  var electionElapsed = 0
  var heartbeatElapsed = 0
  var randomizedElectionTimeout = 0
  var jitter: Jitter
  var skipBroadcastCommit: Bool
  /// What the owner says it has applied before it says so by `storageApplyResponse`.
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

  /// A follower that goes on from what storage holds.
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

  /// Whether the node may campaign.
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

  /// Replaces the membership by a stored one.
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
