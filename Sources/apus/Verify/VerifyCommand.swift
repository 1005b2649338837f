import ArgumentParser
import Client
import Runtime

/// Runs many clients on a live cluster and checks the linearizability of what they saw.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks whether a live cluster is linearizable.",
    discussion: """
      Concurrent clients read and write single keys, batches and ranges below a prefix of the run's \
      own; all calls are recorded and judged. Works on Apus and on TiKV; nobody else's keys are \
      touched, and the run's own are removed at its end.

      With --nemesis the cluster is a playground of the command's own, whose stores and placement \
      driver are killed, paused and started again meanwhile, the leader with preference. All faults \
      are over a few seconds before the end, and every client must then be able to write again.

      The history is a file of JSON lines: one for the format, then one for each call as it ended, \
      with its number, client, start, end (nanoseconds on one clock; none if no answer came), what was \
      asked, and the outcome: done, found with its pairs, failed (it did not happen) or unknown. \
      --check judges such a file, whoever wrote it.

      Exit codes: 0 linearizable; 1 not, with the shortest bad history; 2 could not tell; 64 wrong \
      usage.
      """)

  @Option(
    name: [.customLong("pd-endpoints"), .customLong("pd"), .customShort("u")],
    help: ArgumentHelp(
      "Placement driver endpoints, separated by commas. (default: 127.0.0.1:2379)",
      valueName: "host:port"))
  var pdEndpoints: String?
  @Flag(help: "Start a playground and inject process faults during the run.")
  var nemesis = false
  @Option(help: "Number of stores of the playground of --nemesis. (default: 3)")
  var stores: Int?
  @Option(help: "Duration of the workload.")
  var seconds = 60.0
  @Option(help: "Number of clients; each makes one call at a time.")
  var clients = 16
  @Option(help: "Number of keys.")
  var keys = 100
  @Option(help: "Seed of calls and faults. (default: random)")
  var seed: UInt64?
  @Option(help: "Calls per second of all clients together. (default: unlimited)")
  var rate: Double?
  @Option(help: "Where the history is written. (default: a file in /tmp)")
  var history: String?
  @Option(help: "Prefix of the run's keys, before a part unique to the run.")
  var prefix = "verify/"
  @Option(help: ArgumentHelp("Check this history file; no cluster is needed.", valueName: "file"))
  var check: String?
  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if check != nil, pdEndpoints != nil || nemesis || history != nil {
      throw ValidationError("--check checks a file: it can only be combined with --json")
    }
    if nemesis, pdEndpoints != nil {
      throw ValidationError(
        "--nemesis affects only processes that it started: it cannot be combined with --pd-endpoints"
      )
    }
    if let pdEndpoints, pdEndpoints.allSatisfy({ $0 == "," || $0 == " " }) {
      throw ValidationError("--pd-endpoints has no address: expected host:port")
    }
    if stores != nil, !nemesis {
      throw ValidationError("--stores is for the playground of --nemesis")
    }
    // Fewer do not survive the loss of one.
    try FlagValue.check("--stores", stores, 3...20)
    try FlagValue.check("--seconds", seconds, (nemesis ? 5 : 0.1)...86_400)
    try FlagValue.check("--clients", clients, 1...256)
    try FlagValue.check("--keys", keys, 1...1_000_000)
    try FlagValue.check("--rate", rate, 0.01...1e9)
    if let pdEndpoints { _ = try FlagValue.endpoints(pdEndpoints, "--pd-endpoints") }
  }

  func run() async throws {
    let result: VerifyResult
    if let check {
      result = HistoryCheck(path: check).run()
    } else {
      result = await VerifyRun(try settings()).run()
    }
    if json {
      try CtlOutput.json(VerifyOutput(result))
    } else {
      VerifyReport(result: result).print()
    }
    if result.end != .linearizable { throw ExitCode(result.end.rawValue) }
  }

  private func settings() throws -> VerifyRun.Settings {
    let name = Self.runName()
    return VerifyRun.Settings(
      endpoints: try FlagValue.endpoints(pdEndpoints ?? "127.0.0.1:2379", "--pd-endpoints")
        .map(\.description),
      seconds: seconds, clients: clients, keys: keys,
      seed: seed ?? UInt64.random(in: 0..<1_000_000_000), rate: rate,
      historyPath: history ?? "/tmp/apus-verify-\(name).jsonl", prefix: "\(prefix)\(name)/",
      faultedStores: nemesis ? stores ?? 3 : nil, directory: "/tmp/apus-verify-\(name)")
  }

  /// No two runs have the same, also on different machines.
  private static func runName() -> String {
    let milliseconds = SystemClock().wallMilliseconds
    let chance = UInt32.random(in: 0...UInt32.max)
    return String(milliseconds, radix: 36) + "-" + String(chance, radix: 36)
  }
}
