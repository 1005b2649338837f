package import ArgumentParser
import Runtime
import Server
import Simulation

/// The flags of `sim`: which runs to make, and what to print of them.
package struct SimFlags: ParsableArguments {
  /// What the help says of `sim`.
  package static let discussion = """
    A run is a cluster with its placement driver, clients and faults; it runs the code that \
    serves in production. The same seed gives the same run, on any machine and in any build: its \
    trace hash says so. Prints one line a run; of a failing one also what was found, the shortest \
    history that shows it, the last events and the command that repeats it. Exit status: 0 when \
    all runs passed, 1 when one failed.
    """

  @Option(help: "One run, of this seed.")
  package var seed: UInt64?
  @Option(help: "Runs of many seeds, as FIRST...LAST.")
  package var seeds: SeedRange?
  @Option(help: "Virtual time during which clients call and faults are injected.")
  var duration = "30s"
  @Option(help: "Runs at the same time, one thread each.")
  var jobs: Int?
  @Option(help: "The workload; the default draws one for each run. See --list.")
  var workload: String?
  @Option(
    help: "Kinds of fault, separated by commas, or 'none'; the default draws some. See --list.")
  var faults: String?
  @Option(
    help:
      "What raft logs are made of: memory or segment; the default is segment in one run of four.")
  var log: String?
  @Option(help: "Numbers of planned faults to leave out, separated by commas.")
  var without: String?
  @Flag(help: "Print every event.")
  var trace = false
  @Flag(help: "Cut a failing run down to the fewest faults that still make it fail.")
  var shrink = false
  @Flag(help: "Stop at the first run that fails.")
  var first = false
  @Flag(help: "Make every run twice and compare the traces.")
  var twice = false
  @Flag(help: "Print only failures and the summary.")
  var quiet = false
  @Flag(help: "Print what the other flags may name.")
  package var list = false

  package init() {}

  package func validate() throws {
    if list { return }
    if (seed == nil) == (seeds == nil) { throw ValidationError("give --seed or --seeds") }
    try check("--jobs", jobs, 1...256)
    if let seeds, seeds.last - seeds.first >= 1_000_000_000 {
      throw ValidationError("--seeds must be at most 1000000000 seeds")
    }
    if trace && seed == nil { throw ValidationError("--trace is for one --seed") }
    try check("--duration", try options().duration, .milliseconds(1)...(.seconds(86_400)))
  }

  private func check<Value: Comparable>(
    _ flag: String, _ value: Value?, _ range: ClosedRange<Value>
  ) throws {
    if let value, let problem = SettingRange.problem(flag, value, range) {
      throw ValidationError(problem)
    }
  }

  /// The seeds to run.
  var range: SeedRange { seeds ?? SeedRange(first: seed ?? 0, last: seed ?? 0) }

  /// The options of all runs, with the first one's seed.
  func options() throws -> SimulationOptions {
    var options = SimulationOptions(seed: range.first)
    guard let duration = Quantity.duration(duration) else {
      throw ValidationError(
        "--duration: invalid duration '\(duration)': expected for example 500ms or 1h30m")
    }
    options.duration = duration
    if let workload, !WorkloadCatalog.all.contains(where: { $0.name == workload }) {
      throw ValidationError("--workload: unknown name '\(workload)'; see --list")
    }
    options.workload = workload
    options.faults = try faultKinds()
    if let log, !options.setLog(named: log) {
      throw ValidationError("--log: unknown kind '\(log)'; it must be memory or segment")
    }
    for number in without?.split(separator: ",") ?? [] {
      guard let number = Int(number), number >= 0 else {
        throw ValidationError("--without: invalid number '\(number)'")
      }
      options.withoutFaults.insert(number)
    }
    return options
  }

  /// Nil when the flag is not given.
  private func faultKinds() throws -> [FaultKind]? {
    guard let faults else { return nil }
    if faults == "none" { return [] }
    return try faults.split(separator: ",").map { name in
      guard let kind = FaultKind(rawValue: String(name)) else {
        throw ValidationError("--faults: unknown fault '\(name)'; see --list")
      }
      return kind
    }
  }

  /// The flags with which a run is repeated, but for its seed and what it leaves out.
  var repetition: String {
    var words: [String] = []
    if duration != "30s" { words.append("--duration \(duration)") }
    if let workload { words.append("--workload \(workload)") }
    if let faults { words.append("--faults \(faults)") }
    if let log { words.append("--log \(log)") }
    if let without { words.append("--without \(without)") }
    return words.map { " " + $0 }.joined()
  }

  /// What `--list` shows: workloads and kinds of fault.
  package func writeCatalog(_ output: (String) -> Void) {
    output("workloads")
    for workload in WorkloadCatalog.all { output("  \(workload.name)") }
    output("faults")
    for kind in FaultKind.allCases { output("  \(kind.rawValue)") }
  }
}

/// `FIRST...LAST`, both included.
package struct SeedRange: ExpressibleByArgument, Sendable {
  var first: UInt64
  var last: UInt64

  init(first: UInt64, last: UInt64) {
    self.first = first
    self.last = last
  }

  package init?(argument: String) {
    // What stands before the first dot and after the last.
    let parts = argument.split(separator: ".", omittingEmptySubsequences: true)
    guard parts.count == 2, argument == "\(parts[0])...\(parts[1])",
      let first = UInt64(parts[0]), let last = UInt64(parts[1]), first <= last
    else { return nil }
    self.init(first: first, last: last)
  }

  /// Clamped to what an `Int` holds.
  var count: Int {
    let others = Int(clamping: last - first)
    return others == .max ? .max : others + 1
  }
}
