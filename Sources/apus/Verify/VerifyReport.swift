import Client
import History
import Runtime

/// Prints a result as text.
struct VerifyReport {
  let result: VerifyResult

  /// Prints to standard output.
  func print() {
    if let figures = result.figures { printFigures(figures) }
    if !result.events.isEmpty { printEvents() }
    for note in result.notes { say("note: \(note)") }
    for line in result.badHistory { say(line) }
    say(verdict)
    for reason in result.reasons.dropFirst() { say("  and \(reason)") }
  }

  private var verdict: String {
    switch result.end {
    case .linearizable:
      guard case .linearizable(let summary) = result.verdict else { return "linearizable" }
      return "linearizable: \(summary.operations) calls on \(summary.keys) keys, "
        + "\(summary.unknown) of unknown outcome"
    case .violation: return "NOT linearizable"
    case .undecided: return "undecided: \(result.reasons.first ?? "nothing was checked")"
    }
  }

  private func printFigures(_ figures: RunFigures) {
    let columns = ["done", "failed", "unknown", "p50 ms", "p99 ms"]
    var table = TextTable(["call"] + columns, numbers: Set(columns))
    for row in figures.rows + [figures.total] where row.total > 0 {
      let latency = { (share: Double) in
        row.milliseconds(at: share).map { RunFigures.text($0, 2) } ?? "-"
      }
      table.add(
        [row.kind, "\(row.done)", "\(row.failed)", "\(row.unknown)", latency(0.5), latency(0.99)])
    }
    CtlOutput.table(table)
    var facts = [
      ("seed", result.seed.map { "\($0)" } ?? "-"),
      ("history", result.historyPath),
      (
        "rate",
        "\(RunFigures.text(figures.operationsPerSecond, 0)) calls/s for "
          + "\(RunFigures.text(figures.seconds, 1)) s"
      ),
      ("longest gap", "\(RunFigures.text(figures.longestGap, 2)) s without a successful call"),
    ]
    if case .after(let time) = result.recovery {
      let seconds = RunFigures.text(time.inSeconds, 2)
      facts.append(("recovery", "every client wrote within \(seconds) s after all faults ended"))
    }
    CtlOutput.facts(facts)
  }

  private func printEvents() {
    let count = { (action: String) in result.events.count { $0.action == action } }
    say("nemesis: \(count("kill")) kills, \(count("pause")) pauses")
    for event in result.events {
      say(
        "  \(RunFigures.text(event.at, 2)) s  \(event.action) \(event.process)"
          + (event.wasLeader ? ", the leader" : ""))
    }
  }

  private func say(_ line: String) { Swift.print(line) }
}
