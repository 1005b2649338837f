import History
import Runtime

/// A result as `--json` prints it.
struct VerifyOutput: Encodable {
  /// The calls of one kind. Latencies are nil if none succeeded.
  struct Kind: Encodable {
    var kind: String
    /// Calls that succeeded.
    var done: Int
    /// Calls that had no effect.
    var failed: Int
    /// Calls that may have taken effect.
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

  /// The faults of a run with `--nemesis`.
  struct FaultSummary: Encodable {
    var kills: Int
    var pauses: Int
    var events: [ProcessNemesis.Event]
  }

  /// `linearizable`, `violation` or `undecided`.
  var verdict: String
  /// Why the verdict is `undecided`.
  var reasons: [String]
  /// What the user should know of the run beyond its verdict, such as files that could not be removed.
  var notes: [String]
  /// The path of the history.
  var history: String
  var seed: UInt64?
  var seconds: Double?
  var operationsPerSecond: Double?
  var longestGap: Double?
  var total: Kind?
  var kinds: [Kind]?
  var nemesis: FaultSummary?
  /// Seconds from the end of all faults until every client had written again.
  var recovery: Double?
  /// The number of checked calls; nil if the check was not completed.
  var checked: Int?
  var keys: Int?
  /// The shortest bad history, as text; nil without a violation.
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
