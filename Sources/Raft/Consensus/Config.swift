/// The initial configuration of a node.
package struct Config {
  /// This node; not 0 and no storage thread.
  package var id: UInt64
  /// Ticks without a leader's message after which a follower campaigns (at least).
  package var electionTick: Int
  /// Ticks between a leader's heartbeats.
  package var heartbeatTick: Int
  /// Last index applied before a restart; 0 if unknown.
  package var applied: UInt64 = 0
  /// Passes log writes and applies to storage threads by messages instead of `advance`.
  package var asyncStorageWrites = false
  /// Encoded bytes of entries per append message; 0 is one entry each.
  package var maxSizePerMessage = UInt64.max
  /// Encoded bytes of entries being applied; 0 takes `maxSizePerMessage`.
  package var maxCommittedSizePerReady: UInt64 = 0
  /// Payload bytes of a leader's uncommitted tail; 0 is no limit.
  package var maxUncommittedEntriesSize: UInt64 = 0
  /// Append messages under way to one peer.
  package var maxInflightMessages = 256
  /// Payload bytes under way to one peer; 0 is no limit.
  package var maxInflightBytes: UInt64 = 0
  /// A leader steps down that did not hear from a quorum within an election timeout; others keep to
  /// their leader for that long.
  package var checkQuorum = false
  /// Asks whether an election could be won before raising the term.
  package var preVote = false
  package var readOnlyOption = ReadOnlyOption.safe
  package var disableProposalForwarding = false
  package var disableConfChangeValidation = false
  /// A leader that is removed or demoted steps down when it applies that.
  package var stepDownOnRemoval = false
  /// A commit advance alone is not announced, except while a membership change is pending.
  package var skipBroadcastCommit = false
  /// A leader tells no commit index beyond what it has applied itself, so that no follower's state is
  /// ever ahead of the leader's: whoever read from a follower finds the same or newer at the leader.
  package var broadcastsAppliedOnly = false
  /// Entries for a peer join the append message to it that is still queued, where they follow it.
  package var batchAppend = false
  /// Among equal logs, voters refuse a candidate of lower priority than their own.
  package var priority: Int64 = 0
  /// Seed of the election jitter; equal seeds and inputs give equal behaviour.
  package var seed: UInt64 = 0
  package var logger: (any RaftLogger)?

  package init(id: UInt64, electionTick: Int = 10, heartbeatTick: Int = 1) {
    self.id = id
    self.electionTick = electionTick
    self.heartbeatTick = heartbeatTick
  }

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

/// How linearizable reads are confirmed.
package enum ReadOnlyOption: Sendable, Equatable {
  /// By a round of heartbeats.
  case safe
  /// By the leader lease: needs `checkQuorum` and clocks of bounded drift.
  case leaseBased
}

/// What of the configuration the core needs while it runs, with defaults filled in.
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
