import History
import Runtime

/// A result as `--json` prints it.
struct VerifyOutput: Encodable {
  struct Kind: Encodable {
    var kind: String
    var done: Int
    var failed: Int
    var unknown: Int
    var p50: Double?
    var p99: Double?

    enum CodingKeys: String, CodingKey {
      case kind, done, failed, unknown
      case p50 = "p50_ms"
      case p99 = "p99_ms"
    }

    init(_ row: RunFigures.Row) {
      kind = row.kind
      done = row.done
      failed = row.failed
      unknown = row.unknown
      p50 = row.milliseconds(at: 0.5)
      p99 = row.milliseconds(at: 0.99)
    }
  }

  struct FaultSummary: Encodable {
    var kills: Int
    var pauses: Int
    var events: [ProcessNemesis.Event]
  }

  var verdict: String
  var reasons: [String]
  var notes: [String]
  var history: String
  var seed: UInt64?
  var seconds: Double?
  var operationsPerSecond: Double?
  var longestGap: Double?
  var total: Kind?
  var kinds: [Kind]?
  var nemesis: FaultSummary?
  /// From the end of all faults until every client had written.
  var recovery: Double?
  /// The checked calls; nil if nothing was checked to the end.
  var checked: Int?
  var keys: Int?
  /// The shortest bad history, for reading.
  var badHistory: [String]?

  enum CodingKeys: String, CodingKey {
    case verdict, reasons, notes, history, seed, seconds, total, kinds, nemesis, checked, keys
    case operationsPerSecond = "operations_per_second"
    case longestGap = "longest_gap_seconds"
    case recovery = "recovery_seconds"
    case badHistory = "bad_history"
  }

  init(_ result: VerifyResult) {
    verdict = "\(result.end)"
    reasons = result.reasons
    notes = result.notes
    history = result.historyPath
    seed = result.seed
    if let figures = result.figures {
      seconds = figures.seconds
      operationsPerSecond = figures.operationsPerSecond
      longestGap = figures.longestGap
      total = Kind(figures.total)
      kinds = figures.rows.map(Kind.init)
    }
    if !result.events.isEmpty {
      nemesis = FaultSummary(
        kills: result.events.count { $0.action == "kill" },
        pauses: result.events.count { $0.action == "pause" }, events: result.events)
    }
    if case .after(let time) = result.recovery {
      recovery = time.inSeconds
    }
    if case .linearizable(let summary) = result.verdict {
      checked = summary.operations
      keys = summary.keys
    }
    if !result.badHistory.isEmpty { badHistory = result.badHistory }
  }
}
