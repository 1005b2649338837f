import ArgumentParser
import Client
import Runtime

/// `apus verify`: runs many clients on a live cluster and checks whether their history is linearizable.
struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Checks whether a live cluster is linearizable.",
    discussion: """
      Concurrent clients read and write single keys, batches and ranges below a prefix that is unique \
      to the run; all calls are recorded and checked. Works on Apus and on TiKV. No other keys are \
      touched, and the run's keys are removed at its end.

      With --nemesis the command starts a playground and kills, pauses and restarts its stores and its \
      placement driver during the run, preferably the leader. All faults end a few seconds before the \
      run does, and every client must then be able to write again.

      The history is a file of JSON lines: one for the format, then one for each call as it ended, \
      with its id, client, start, end (nanoseconds on one clock; null if no response came), arguments \
      and outcome: done, found with its pairs, failed (it did not happen) or unknown. --check checks \
      such a file, whichever program wrote it.

      Exit codes: 0 linearizable; 1 not linearizable, with the shortest bad history; 2 undecided; 64 \
      wrong usage.
      """)

  @Option(
    name: [.customLong("pd-endpoints"), .customLong("pd"), .customShort("u")],
    help: ArgumentHelp(
      "Placement driver endpoints, separated by commas. (default: \(PDEndpoints.local))",
      valueName: "host:port"),
    transform: PDEndpoints.parse)
  var pdEndpoints: PDEndpoints?
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
  @Option(
    help: ArgumentHelp("Path of the history. (default: a file in /tmp)", valueName: "file"))
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
    if stores != nil, !nemesis {
      throw ValidationError("--stores is for the playground of --nemesis")
    }
    // With fewer, no store can be lost.
    try FlagValue.check("--stores", stores, 3...20)
    try FlagValue.check("--seconds", seconds, (nemesis ? 5 : 0.1)...86_400)
    try FlagValue.check("--clients", clients, 1...256)
    try FlagValue.check("--keys", keys, 1...1_000_000)
    try FlagValue.check("--rate", rate, 0.01...1e9)
  }

  func run() async throws {
    let result: VerifyResult
    if let check {
      result = HistoryCheck(path: check).run()
    } else {
      result = await VerifyRun(settings()).run()
    }
    if json {
      try CtlOutput.json(VerifyOutput(result))
    } else {
      VerifyReport(result: result).print()
    }
    if result.end != .linearizable { throw ExitCode(result.end.rawValue) }
  }

  private func settings() -> VerifyRun.Settings {
    let name = Self.runName()
    return VerifyRun.Settings(
      endpoints: (pdEndpoints ?? .local).texts,
      seconds: seconds, clients: clients, keys: keys,
      seed: seed ?? UInt64.random(in: 0..<1_000_000_000), rate: rate,
      historyPath: history ?? "/tmp/apus-verify-\(name).jsonl", prefix: "\(prefix)\(name)/",
      faultedStores: nemesis ? stores ?? 3 : nil, directory: "/tmp/apus-verify-\(name)")
  }

  /// Unique to the run, across machines, too.
  private static func runName() -> String {
    let milliseconds = SystemClock().wallMilliseconds
    let chance = UInt32.random(in: 0...UInt32.max)
    return String(milliseconds, radix: 36) + "-" + String(chance, radix: 36)
  }
}
