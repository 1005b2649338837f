import Raft

extension TraceCluster {
  /// What every node starts from unless a trace says otherwise.
  private var baseConfig: Config {
    var config = Config(id: 0, electionTick: 3, heartbeatTick: 1)
    config.maxInflightMessages = Int(Int32.max)
    config.logger = output
    return config
  }

  func addNodes(_ directive: TraceDirective) throws {
    guard let count = directive.arguments.first.flatMap({ Int($0.key) }) else {
      throw TraceError("add-nodes takes a count")
    }
    var config = baseConfig
    var snapshot = Snapshot()
    for argument in directive.arguments.dropFirst() {
      for value in argument.values {
        try set(argument.key, value, &config, &snapshot)
      }
    }
    for _ in 0..<count {
      config.id = UInt64(nodes.count) + 1
      config.seed = config.id
      nodes.append(try TraceNode(config: config, first: snapshot))
    }
  }

  private func set(
    _ key: String, _ value: String, _ config: inout Config, _ snapshot: inout Snapshot
  ) throws {
    switch key {
    case "voters": snapshot.metadata.confState.voters.append(try TraceValue.number(value))
    case "learners": snapshot.metadata.confState.learners.append(try TraceValue.number(value))
    case "index":
      snapshot.metadata.index = try TraceValue.number(value)
      config.applied = snapshot.metadata.index
    case "content": snapshot.data = Array(value.utf8)
    case "inflight": config.maxInflightMessages = try TraceValue.number(value)
    case "async-storage-writes": config.asyncStorageWrites = try TraceValue.bool(value)
    case "prevote": config.preVote = try TraceValue.bool(value)
    case "checkquorum": config.checkQuorum = try TraceValue.bool(value)
    case "max-committed-size-per-ready":
      config.maxCommittedSizePerReady = try TraceValue.number(value)
    case "disable-conf-change-validation":
      config.disableConfChangeValidation = try TraceValue.bool(value)
    case "step-down-on-removal": config.stepDownOnRemoval = try TraceValue.bool(value)
    case "read-only":
      switch value {
      case "safe": config.readOnlyOption = .safe
      case "lease-based": config.readOnlyOption = .leaseBased
      default: throw TraceError("invalid read-only option \(QuotedBytes(Array(value.utf8)))")
      }
    default: break
    }
  }
}
