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
