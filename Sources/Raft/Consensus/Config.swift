/// The initial configuration of a node: etcd's `raft.Config`, and the options TiKV's raft-rs adds.
///
/// Times are in ticks of the owner, who calls `RawNode.tick` at a fixed interval. Sizes are in bytes:
/// of the protobuf encoding where a message or an apply is limited (`Entry.encodedSize`), of the data
/// alone where memory is (`Entry.payloadSize`). `RawNode.init` throws `invalidConfig` where a rule
/// below is broken.
package struct Config {
  /// The id of this node. Not `NodeID.none` and not one of the storage threads.
  package var id: UInt64
  /// The election timeout: a follower that receives nothing from a leader for a random number of
  /// ticks in `electionTick..<2 * electionTick` campaigns (dissertation, section 3.4). Must exceed
  /// `heartbeatTick`; etcd suggests ten times as much.
  package var electionTick: Int
  /// Ticks between the heartbeats of a leader; above 0.
  package var heartbeatTick: Int
  /// The last index the owner had applied before a restart: entries up to it are not returned for
  /// application again. 0, the default, starts after the snapshot in storage.
  package var applied: UInt64 = 0
  /// Whether log writes and applies are messages to storage threads, whose responses are stepped when
  /// the work is done, so that several readies may be in progress. False, the default: the owner does
  /// the work of one ready and then calls `advance`. `Ready` describes both modes.
  package var asyncStorageWrites = false
  /// Encoded bytes of the entries of one append message. 0: one entry per message. The default is
  /// unlimited, as in etcd's tests; a server sets it (etcd's and TiKV's value is 1 MiB).
  package var maxSizePerMessage = UInt64.max
  /// Encoded bytes of committed entries that are returned and not yet reported as applied. 0, the
  /// default: `maxSizePerMessage`.
  package var maxCommittedSizePerReady: UInt64 = 0
  /// Payload bytes of the uncommitted tail of a leader's log. Proposals beyond it are dropped. 0, the
  /// default: no limit.
  package var maxUncommittedEntriesSize: UInt64 = 0
  /// Append messages sent to one peer and not acknowledged; above 0. The default is TiKV's
  /// `raft-max-inflight-msgs`.
  package var maxInflightMessages = 256
  /// Payload bytes sent to one peer and not acknowledged. 0, the default: no limit. Otherwise at least
  /// `maxSizePerMessage`, or a full message could never be sent.
  package var maxInflightBytes: UInt64 = 0
  /// Whether a leader that receives nothing from a quorum within an election timeout steps down, and
  /// whether voters ignore vote requests for as long after a message from their leader (dissertation,
  /// sections 6.2 and 4.2.3). The leader lease relies on both.
  package var checkQuorum = false
  /// Whether a node asks if it could win an election before it raises its term, so that a node
  /// without a quorum does not disturb the group when it returns (dissertation, section 9.6).
  package var preVote = false
  /// How linearizable reads are confirmed.
  package var readOnlyOption = ReadOnlyOption.safe
  /// Whether a follower drops proposals instead of forwarding them to its leader.
  package var disableProposalForwarding = false
  /// Whether a leader appends membership changes that do not fit its present membership. Such a
  /// change is otherwise replaced by an empty entry; with this the owner validates.
  package var disableConfChangeValidation = false
  /// Whether a leader that is removed or demoted steps down when it applies the change. Otherwise it
  /// leads until another one is elected.
  package var stepDownOnRemoval = false
  /// Whether followers receive a commit index only with the next append or heartbeat, instead of in a
  /// message of its own. A pending membership change is broadcast all the same.
  package var skipBroadcastCommit = false
  /// Whether a leader sends no commit index above what it has applied itself. Then the state of a
  /// follower is never ahead of the leader's: after a read at a follower, a read at the leader
  /// returns the same or newer data.
  package var broadcastsAppliedOnly = false
  /// Whether entries for a peer are added to the append message to it that is still queued, if they
  /// follow it directly.
  package var batchAppend = false
  /// The election priority: among equal logs a voter refuses a candidate of lower priority than its
  /// own. 0, the default of all nodes, has no effect.
  package var priority: Int64 = 0
  /// The seed of the election jitter. Equal seeds and inputs give equal behavior.
  package var seed: UInt64 = 0
  /// Receives log lines; nil drops them. It must not call the node.
  package var logger: (any RaftLogger)?

  package init(id: UInt64, electionTick: Int = 10, heartbeatTick: Int = 1) {
    self.id = id
    self.electionTick = electionTick
    self.heartbeatTick = heartbeatTick
  }

  /// Throws `invalidConfig` with etcd's message for the first rule that is broken.
  func validate() throws(RaftError) {
    if id == NodeID.none { throw .invalidConfig("cannot use none as id") }
    if NodeID.isThread(id) { throw .invalidConfig("cannot use local target as id") }
    if heartbeatTick <= 0 { throw .invalidConfig("heartbeat tick must be greater than 0") }
    if electionTick <= heartbeatTick {
      throw .invalidConfig("election tick must be greater than heartbeat tick")
    }
    if maxInflightMessages <= 0 {
      throw .invalidConfig("max inflight messages must be greater than 0")
    }
    if maxInflightBytes != 0 && maxInflightBytes < maxSizePerMessage {
      throw .invalidConfig("max inflight bytes must be >= max message size")
    }
    if readOnlyOption == .leaseBased && !checkQuorum {
      throw .invalidConfig(
        "CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased")
    }
  }
}

/// How a leader confirms, for a linearizable read, that it still leads.
package enum ReadOnlyOption: Sendable, Equatable {
  /// By a round of heartbeats to a quorum (dissertation, section 6.4). Depends on no clock.
  case safe
  /// By the leader lease, without messages (section 6.4.1). Needs `checkQuorum`, and clocks whose
  /// drift is bounded: a leader whose clock stops may serve stale reads.
  case leaseBased
}

/// The part of `Config` that does not change while the node runs. Values of 0 that stand for another
/// value are resolved.
struct ConsensusOptions {
  let electionTick: Int
  let heartbeatTick: Int
  let asyncStorageWrites: Bool
  let maxSizePerMessage: UInt64
  let maxCommittedSizePerReady: UInt64
  let maxUncommittedSize: UInt64
  let maxInflightBytes: UInt64
  let checkQuorum: Bool
  let preVote: Bool
  let readOnlyOption: ReadOnlyOption
  let disableProposalForwarding: Bool
  let disableConfChangeValidation: Bool
  let stepDownOnRemoval: Bool
  let broadcastsAppliedOnly: Bool
  let batchAppend: Bool

  init(_ config: Config) {
    electionTick = config.electionTick
    heartbeatTick = config.heartbeatTick
    asyncStorageWrites = config.asyncStorageWrites
    maxSizePerMessage = config.maxSizePerMessage
    maxCommittedSizePerReady =
      config.maxCommittedSizePerReady == 0
      ? config.maxSizePerMessage : config.maxCommittedSizePerReady
    maxUncommittedSize =
      config.maxUncommittedEntriesSize == 0 ? .max : config.maxUncommittedEntriesSize
    maxInflightBytes = config.maxInflightBytes
    checkQuorum = config.checkQuorum
    preVote = config.preVote
    readOnlyOption = config.readOnlyOption
    disableProposalForwarding = config.disableProposalForwarding
    disableConfChangeValidation = config.disableConfChangeValidation
    stepDownOnRemoval = config.stepDownOnRemoval
    broadcastsAppliedOnly = config.broadcastsAppliedOnly
    batchAppend = config.batchAppend
  }
}
