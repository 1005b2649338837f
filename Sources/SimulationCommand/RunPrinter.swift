import History
import Simulation

/// Human-readable output of runs.
struct RunPrinter: Sendable {
  /// The command that makes such a run, but for its seed.
  let command: String
  let isQuiet: Bool
  let output: @Sendable (String) -> Void
  let report: @Sendable (String) -> Void

  private static let tailLength = 40

  func show(_ made: RunPool.Made) {
    let report = made.report
    if let second = made.secondHash, second != report.traceHash {
      output(
        "seed \(report.seed) NOT DETERMINISTIC: \(hex(report.traceHash)), then \(hex(second))")
    }
    if report.failure != nil || !isQuiet { output(line(made)) }
    guard let failure = report.failure else { return }
    output("  \(failure.checker): \(failure.message)")
    if let violation = failure.violation {
      output("  the shortest failing history:")
      for line in ViolationReport(violation).text.split(separator: "\n") {
        output("    \(line)")
      }
    }
    if !report.lastLines.isEmpty {
      output("  the last events:")
      for line in report.lastLines.suffix(Self.tailLength) { output("    \(line)") }
    }
    output("  repeat it: \(command) --seed \(report.seed)")
  }

  private func line(_ made: RunPool.Made) -> String {
    let report = made.report
    let verdict = report.failure.map { "FAILED at \(seconds($0.at))" } ?? "passed"
    let faults = report.faults.map { "\($0.kind.rawValue) \($0.count)" }.joined(separator: ", ")
    return "seed \(report.seed) \(verdict)  trace \(hex(report.traceHash))  "
      + "\(seconds(report.virtualTime)) in \(Decimals.text(made.cost, 2)) s, "
      + "\(report.events) events; \(report.workload) on \(report.stores) stores, "
      + "\(report.regions) regions; \(report.operations) operations, \(report.unknown) unknown; "
      + "\(report.faultCount) faults\(faults.isEmpty ? "" : " (\(faults))")"
  }

  /// Cuts a failing run down and shows what is left of its faults.
  func shrink(_ failed: RunReport, _ template: SimulationOptions) throws {
    var options = template
    options.seed = failed.seed
    let shrinker = Shrinker(options)
    let result = try shrinker.shrink(report)
    output(
      "seed \(failed.seed) fails with \(result.left.count) of \(result.planned) faults "
        + "(\(result.runs) runs):")
    for fault in result.left {
      output(
        "  \(fault.number): \(fault.kind.rawValue) after \(fault.at), for \(fault.lasts)")
    }
    let without = result.withoutFaults.sorted().map(String.init).joined(separator: ",")
    output(
      "reproduce: \(command) --seed \(failed.seed)\(without.isEmpty ? "" : " --without \(without)")"
    )
  }

  private func hex(_ hash: UInt64) -> String {
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  private func seconds(_ nanoseconds: UInt64) -> String {
    "\(Decimals.text(Double(nanoseconds) / 1e9, 1)) s"
  }
}

/// Numbers with a fixed count of decimals.
enum Decimals {
  static func text(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((value * scale).rounded())
    let whole = scaled / Int64(scale)
    let rest = String(scaled % Int64(scale))
    if digits == 0 { return String(whole) }
    return "\(whole)." + String(repeating: "0", count: max(0, digits - rest.count)) + rest
  }
}
