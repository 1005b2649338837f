import Raft

// The commands of interaction traces.
extension TraceCluster {
  func run(_ directive: TraceDirective) throws {
    switch directive.command {
    case "_breakpoint": break
    case "add-nodes": try addNodes(directive)
    case "campaign": try first(directive).raw.campaign()
    case "compact": try compact(directive)
    case "deliver-msgs": try deliverMessages(directive)
    case "process-ready": try process(directive, "handling Ready", processReady)
    case "process-append-thread":
      try process(directive, "processing append thread", processAppend)
    case "process-apply-thread": try process(directive, "processing apply thread", processApply)
    case "log-level": try setLevel(directive.bareArguments.first ?? "")
    case "raft-log": try printLog(try first(directive))
    case "raft-state": printStates()
    case "set-randomized-election-timeout": try setTimeout(directive)
    case "stabilize": try stabilize(directive)
    case "status": output.write(Describe.progress(try first(directive).raw.status.progress))
    case "tick-election":
      let node = try first(directive)
      for _ in 0..<node.config.electionTick { try node.raw.tick() }
    case "tick-heartbeat":
      let node = try first(directive)
      for _ in 0..<node.config.heartbeatTick { try node.raw.tick() }
    case "transfer-leadership": try transferLeadership(directive)
    case "forget-leader": try first(directive).raw.forgetLeader()
    case "send-snapshot": try sendSnapshot(directive)
    case "propose": try propose(directive)
    case "propose-conf-change": try proposeConfChange(directive)
    case "report-unreachable": try reportUnreachable(directive)
    default: throw TraceError("unknown command")
    }
  }

  private func process(
    _ directive: TraceDirective, _ title: String, _ body: (Int) throws -> Void
  ) throws {
    let ids = try named(directive)
    for id in ids {
      guard ids.count > 1 else {
        try body(id)
        continue
      }
      output.write("> \(id) \(title)\n")
      try output.indented { try body(id) }
    }
  }

  private func setLevel(_ name: String) throws {
    guard let level = TraceOutput.levels.firstIndex(of: name.uppercased()) else {
      let names = TraceOutput.levels.joined(separator: " ")
      throw TraceError("log levels must be either of [\(names)]")
    }
    output.level = level
  }

  private func stabilize(_ directive: TraceDirective) throws {
    let level = output.level
    defer { output.level = level }
    if let name = directive.values(of: "log-level")?.first { try setLevel(name) }
    let ids = try named(directive)
    try stabilize(ids.isEmpty ? nodes.indices.map { $0 + 1 } : ids)
  }

  private func setTimeout(_ directive: TraceDirective) throws {
    guard let text = directive.values(of: "timeout")?.first, let ticks = Int(text), ticks != 0
    else { throw TraceError("missing timeout") }
    try first(directive).raw.setRandomizedElectionTimeout(ticks)
  }

  // MARK: Looking

  private func printLog(_ node: TraceNode) throws {
    let (first, last) = (node.storage.firstIndex(), node.storage.lastIndex())
    guard first <= last else {
      output.write("log is empty: first index=\(first), last index=\(last)")
      return
    }
    let entries = try node.storage.entries(
      from: first, to: last + 1, maxSize: EntryLimits.unlimited)
    output.write(Describe.entries(entries))
  }

  private func printStates() {
    for node in nodes {
      let status = node.raw.status
      let (id, state) = (status.basic.id, status.basic.softState)
      let voter = status.config.voters.contains(id) ? "(Voter)" : "(Non-Voter)"
      output.write(
        "\(id): \(state.role) \(voter) Term:\(status.basic.hardState.term) "
          + "Lead:\(state.leader)\n")
    }
  }

  private func compact(_ directive: TraceDirective) throws {
    let arguments = directive.bareArguments
    guard arguments.count == 2, let index = UInt64(arguments[1]) else {
      throw TraceError("compact takes a node and an index")
    }
    let node = try first(directive)
    try node.storage.log.compact(to: index)
    try printLog(node)
  }

  // MARK: Messages

  private func deliverMessages(_ directive: TraceDirective) throws {
    var recipients: [Recipient] = []
    var type: MessageType?
    for argument in directive.arguments {
      switch argument.key {
      case "type":
        let name = argument.values.first ?? ""
        guard let named = MessageType.allCases.first(where: { $0.description == name }) else {
          throw TraceError("unknown message type \(name)")
        }
        type = named
      case "drop":
        for value in argument.values {
          guard let id = UInt64(value) else { throw TraceError("not a node number: \(value)") }
          if recipients.contains(where: { $0.id == id }) {
            throw TraceError("can't both deliver and drop msgs to \(id)")
          }
          recipients.append(Recipient(id: id, drop: true))
        }
      default:
        guard argument.values.isEmpty, let id = UInt64(argument.key) else { continue }
        if recipients.contains(where: { $0.id == id && $0.drop }) {
          throw TraceError("can't both deliver and drop msgs to \(id)")
        }
        recipients.append(Recipient(id: id))
      }
    }
    if try deliver(recipients, type: type) == 0 { output.write("no messages\n") }
  }

  private func sendSnapshot(_ directive: TraceDirective) throws {
    let ids = try named(directive)
    guard ids.count == 2 else { throw TraceError("send-snapshot takes two nodes") }
    let (from, to) = (try node(ids[0]), ids[1])
    var message = Message(
      .snapshot, to: UInt64(to), from: UInt64(ids[0]), term: from.raw.basicStatus.hardState.term)
    message.snapshot = from.storage.latest
    inFlight.append(message)
    output.write(Describe.message(message))
  }

  private func reportUnreachable(_ directive: TraceDirective) throws {
    let ids = try named(directive)
    guard ids.count == 2 else {
      throw TraceError(
        "must specify exactly two node indexes: node on which to report, and reported node")
    }
    try node(ids[0]).raw.reportUnreachable(UInt64(ids[1]))
  }

  private func transferLeadership(_ directive: TraceDirective) throws {
    guard let from = directive.values(of: "from")?.first.flatMap({ Int($0) }),
      let to = directive.values(of: "to")?.first.flatMap({ Int($0) })
    else { throw TraceError("transfer-leadership takes from and to") }
    _ = try node(to)
    try node(from).raw.transferLeader(to: UInt64(to))
  }

  // MARK: Proposals

  private func propose(_ directive: TraceDirective) throws {
    guard directive.arguments.count == 2, directive.arguments[1].values.isEmpty else {
      throw TraceError("expected exactly one key with no vals: \(directive.arguments)")
    }
    try first(directive).raw.propose(Array(directive.arguments[1].key.utf8))
  }

  private func proposeConfChange(_ directive: TraceDirective) throws {
    var isV1 = false
    var transition = ConfChangeTransition.auto
    for argument in directive.arguments.dropFirst() {
      switch argument.key {
      case "v1": isV1 = try TraceValue.bool(argument.values.first ?? "")
      case "transition":
        switch argument.values.first ?? "" {
        case "auto": transition = .auto
        case "implicit": transition = .jointImplicit
        case "explicit": transition = .jointExplicit
        case let other: throw TraceError("unknown transition \(other)")
        }
      default: throw TraceError("unknown command \(argument.key)")
      }
    }
    let changes = try TraceValue.changes(directive.input)
    let node = try first(directive)
    guard isV1 else {
      return try node.raw.proposeConfChange(
        ConfChangeV2(transition: transition, changes: changes))
    }
    guard changes.count <= 1, transition == .auto else {
      throw TraceError("v1 conf change can only have one operation and no transition")
    }
    let change = changes.first ?? ConfChangeSingle()
    try node.raw.proposeConfChange(ConfChange(type: change.type, nodeID: change.nodeID))
  }
}
