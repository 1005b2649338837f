import Raft

/// The commands of quorum traces.
struct QuorumTrace {
  private var incoming = IDSet()
  private var outgoing = IDSet()
  private var isJoint = false
  private var ids: [UInt64] = []
  private var values: [String] = []

  static func execute(_ directive: TraceDirective) throws -> String {
    var trace = QuorumTrace()
    if let mismatch = try trace.read(directive) { return mismatch }
    switch directive.command {
    case "committed": return trace.committed()
    case "vote": return trace.vote()
    default: throw TraceError("unknown command")
    }
  }

  /// Takes the arguments; what it returns is the result if they do not fit together.
  private mutating func read(_ directive: TraceDirective) throws -> String? {
    for argument in directive.arguments {
      switch argument.key {
      case "cfg":
        for value in argument.values { incoming.insert(try TraceValue.number(value)) }
        ids += try argument.values.map { try TraceValue.number($0) }
      case "cfgj":
        isJoint = true
        for value in argument.values where value != "zero" {
          let id: UInt64 = try TraceValue.number(value)
          outgoing.insert(id)
          ids.append(id)
        }
      case "idx", "votes": values += argument.values
      default: throw TraceError("unknown arg \(argument.key)")
      }
    }
    var distinct: [UInt64] = []
    for id in ids where !distinct.contains(id) { distinct.append(id) }
    guard distinct.count == values.count else {
      let voters = distinct.map(String.init).joined(separator: " ")
      let given = values.joined(separator: " ")
      return "error: mismatched input (explicit or _) for voters [\(voters)]: [\(given)]"
    }
    ids = distinct
    return nil
  }

  // MARK: Committed index

  private func acknowledged() throws -> [UInt64: UInt64] {
    var result: [UInt64: UInt64] = [:]
    for (id, value) in zip(ids, values) where value != "_" {
      let index: UInt64 = try TraceValue.number(value)
      guard index != 0 else { throw TraceError("use '_' as 0, not '0'") }
      result[id] = index
    }
    return result
  }

  private func committed() -> String {
    let acked: [UInt64: UInt64]
    do { acked = try acknowledged() } catch { return "\(error)" }
    let lookup: (UInt64) -> UInt64? = { acked[$0] }
    var text = ""
    let index: UInt64
    if isJoint {
      let joint = JointConfig(incoming: incoming, outgoing: outgoing)
      index = joint.committedIndex(acked: lookup)
      text += Self.picture(joint.ids, acked)
      let mirrored = JointConfig(incoming: outgoing, outgoing: incoming)
        .committedIndex(acked: lookup)
      if mirrored != index { text += "\(Self.index(mirrored)) <-- via symmetry\n" }
    } else {
      index = MajorityConfig.committedIndex(incoming, acked: lookup)
      text += Self.picture(incoming, acked)
      text += crossChecks(index, acked)
    }
    return text + Self.index(index) + "\n"
  }

  /// Other ways to the same number; they print only where they disagree.
  private func crossChecks(_ index: UInt64, _ acked: [UInt64: UInt64]) -> String {
    var text = ""
    func check(_ other: UInt64, _ how: String) {
      if other != index { text += "\(Self.index(other)) <-- \(how)\n" }
    }
    let lookup: (UInt64) -> UInt64? = { acked[$0] }
    check(Self.alternative(incoming, acked), "via alternative computation")
    check(
      JointConfig(incoming: incoming).committedIndex(acked: lookup), "via zero-joint quorum")
    check(
      JointConfig(incoming: incoming, outgoing: incoming).committedIndex(acked: lookup),
      "via self-joint quorum")
    for id in incoming.ids {
      // An index below the result may be anything without changing it.
      guard let own = acked[id], own < index, own > 0 else { continue }
      for lowered in [own - 1, 0] {
        var overlay = acked
        overlay[id] = lowered
        let other = MajorityConfig.committedIndex(incoming) { overlay[$0] }
        check(other, "overlaying \(id)->\(lowered)")
      }
    }
    return text
  }

  /// By counting, for each acknowledged index, who has reached it.
  static func alternative(_ voters: IDSet, _ acked: [UInt64: UInt64]) -> UInt64 {
    guard !voters.isEmpty else { return .max }
    var best: UInt64 = 0
    for candidate in voters.ids.map({ acked[$0] ?? 0 }) {
      let reached = voters.ids.count { (acked[$0] ?? 0) >= candidate }
      if reached >= voters.count / 2 + 1 { best = max(best, candidate) }
    }
    return best
  }

  static func index(_ index: UInt64) -> String { index == .max ? "∞" : String(index) }

  /// A picture of how far each voter has come.
  static func picture(_ voters: IDSet, _ acked: [UInt64: UInt64]) -> String {
    let count = voters.count
    guard count > 0 else { return "<empty majority quorum>" }
    let ranked = voters.ids.map { (index: acked[$0] ?? 0, id: $0) }
      .sorted { ($0.index, $0.id) < ($1.index, $1.id) }
    var bars: [UInt64: Int] = [:]
    var bar = 0
    for (rank, voter) in ranked.enumerated() {
      if rank > 0, voter.index > ranked[rank - 1].index { bar = rank }
      bars[voter.id] = bar
    }
    func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
    var text = spaces(count) + "    idx\n"
    for id in voters.ids {
      let bar = bars[id] ?? 0
      text +=
        acked[id] == nil
        ? "?" + spaces(count)
        : String(repeating: "x", count: bar) + ">" + spaces(count - bar)
      let index = String(acked[id] ?? 0)
      text += " " + spaces(5 - index.count) + index + "    (id=\(String(id, radix: 16)))\n"
    }
    return text
  }

  // MARK: Votes

  private func vote() -> String {
    var votes: [UInt64: Bool] = [:]
    for (id, value) in zip(ids, values) {
      switch value {
      case "y": votes[id] = true
      case "n": votes[id] = false
      case "_": break
      default: return "unknown vote: \(value)"
      }
    }
    let lookup: (UInt64) -> Bool? = { votes[$0] }
    guard isJoint else {
      return Self.name(MajorityConfig.voteResult(incoming, vote: lookup)) + "\n"
    }
    let result = JointConfig(incoming: incoming, outgoing: outgoing).voteResult(vote: lookup)
    let mirrored = JointConfig(incoming: outgoing, outgoing: incoming).voteResult(vote: lookup)
    let note = mirrored == result ? "" : "\(Self.name(mirrored)) <-- via symmetry\n"
    return note + Self.name(result) + "\n"
  }

  private static func name(_ result: VoteResult) -> String {
    switch result {
    case .pending: "VotePending"
    case .lost: "VoteLost"
    case .won: "VoteWon"
    }
  }
}
