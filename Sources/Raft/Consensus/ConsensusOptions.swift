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
  let tellsAppliedOnly: Bool
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
    tellsAppliedOnly = config.tellsAppliedOnly
    batchAppend = config.batchAppend
  }
}
