import ArgumentParser
import Glibc
import Runtime
import Simulation

/// Deterministic simulation of whole clusters.
struct SimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sim",
    abstract: "Runs whole clusters on virtual time, one thread each, from seeds.",
    discussion: """
      A run is a cluster with its placement driver, clients and faults; it runs the code that \
      serves in production. The same seed gives the same run, on any machine and in any build: its \
      trace hash says so. Prints one line a run; of a failing one also what was found, the shortest \
      history that shows it, the last events and the command that repeats it. Exit status: 0 when \
      all runs passed, 1 when one failed.
      """)

  @Option(help: "One run, of this seed.")
  var seed: UInt64?
  @Option(help: "Runs of many seeds, as FIRST...LAST.")
  var seeds: SeedRange?
  @Option(help: "Virtual time during which clients call and faults are injected.")
  var duration = Duration.seconds(30)
  @Option(help: "Runs at the same time, one thread each.")
  var jobs: Int?
  @Option(help: "The workload; the default draws one for each run. See --list.")
  var workload: String?
  @Option(
    help: "Kinds of fault, separated by commas, or 'none'; the default draws some. See --list.")
  var faults: String?
  @Option(help: "A bug to inject. See --list.")
  var mutant: String?
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
  @Flag(help: "Print the workloads, kinds of fault and mutants there are.")
  var list = false

  func validate() throws {
    if list { return }
    if (seed == nil) == (seeds == nil) { throw ValidationError("give --seed or --seeds") }
    try FlagValue.check("--jobs", jobs, 1...256)
    if let seeds, seeds.last - seeds.first >= 1_000_000_000 {
      throw ValidationError("--seeds must be at most 1000000000 seeds")
    }
    if trace && seed == nil { throw ValidationError("--trace is for one --seed") }
    try FlagValue.check("--duration", duration, .milliseconds(1)...(.seconds(86_400)))
    _ = try options(seed: 0)
  }

  func run() throws {
    if list { return SimCatalog.show() }
    let range = seeds ?? SeedRange(first: seed ?? 0, last: seed ?? 0)
    let template = try options(seed: range.first)
    if trace {
      var options = template
      options.sink = { ProcessEnd.say($0) }
      _ = try Simulation(options).run()
    }
    let pool = RunPool(
      template: template, range: range, jobs: jobs ?? min(range.count, ProcessorCount.online),
      stopsAtFirst: first, isTwice: twice)
    let printer = RunPrinter(command: repetition, isQuiet: quiet && seed == nil)
    let totals = try pool.run { printer.show($0) }
    ProcessEnd.say(totals.text)
    if let worst = totals.firstFailure {
      if shrink { try printer.shrink(worst, template) }
      throw ExitCode(1)
    }
  }

  /// The options of a run, but for its seed all the same.
  private func options(seed: UInt64) throws -> SimulationOptions {
    var options = SimulationOptions(seed: seed)
    options.duration = duration
    options.mutant = try known(mutant, MutantCatalog.all.map(\.name), "--mutant")
    options.workload = try known(workload, SimCatalog.workloads, "--workload")
    if let faults {
      options.faults =
        try faults == "none"
        ? []
        : faults.split(separator: ",").map { name in
          guard let kind = FaultKind(rawValue: String(name)) else {
            throw ValidationError("--faults: unknown fault '\(name)'; see --list")
          }
          return kind
        }
    }
    for number in without?.split(separator: ",") ?? [] {
      guard let number = Int(number), number >= 0 else {
        throw ValidationError("--without: invalid number '\(number)'")
      }
      options.withoutFaults.insert(number)
    }
    return options
  }

  private func known(_ name: String?, _ names: [String], _ flag: String) throws -> String? {
    guard let name, !names.contains(name) else { return name }
    throw ValidationError("\(flag): unknown name '\(name)'; see --list")
  }

  /// The flags with which a run is repeated, but for its seed and what it leaves out.
  private var repetition: String {
    var words = ["apus sim"]
    if duration != .seconds(30) {
      words.append("--duration \(duration.defaultValueDescription)")
    }
    if let workload { words.append("--workload \(workload)") }
    if let faults { words.append("--faults \(faults)") }
    if let mutant { words.append("--mutant \(mutant)") }
    if let without { words.append("--without \(without)") }
    return words.joined(separator: " ")
  }
}

/// `FIRST...LAST`, both included.
struct SeedRange: ExpressibleByArgument, Sendable {
  var first: UInt64
  var last: UInt64

  init(first: UInt64, last: UInt64) {
    self.first = first
    self.last = last
  }

  init?(argument: String) {
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

/// How many threads can run at a time.
enum ProcessorCount {
  static var online: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
