import ArgumentParser
import Glibc
import Logging
import Runtime
import Server

/// `apus playground`: a whole cluster on this machine, to try things out.
struct PlaygroundCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "playground",
    abstract: "Runs a cluster on this machine: a placement driver and some stores.",
    discussion: """
      Prints the address of each process and, once the cluster serves, a line that is exactly \
      "ready". Processes that exit are not restarted. Ctrl-C stops all.
      """)

  @Option(help: "Number of stores.")
  var stores = 3
  @Option(help: "The placement driver's port.")
  var pdPort = 2379
  @Option(help: "The first store's port; the others follow. Status ports are 20 higher.")
  var basePort = 20160
  @Option(
    help: "Directory of all data and logs, kept afterwards. (default: a temporary directory)")
  var dataDir: String?
  @Option(
    name: [.customShort("C"), .long],
    help: ArgumentHelp(
      "A TOML file with settings of every store, as `apus node` takes it.", valueName: "file"))
  var config: String?
  @Flag(name: .customLong("enable-ttl"), help: "Raw values can expire.")
  var enablesTTL = false
  @Option(name: [.customShort("L"), .long], help: "Least severe level that is logged.")
  var logLevel = Logger.Level.info

  func validate() throws {
    if !(1...20).contains(stores) { throw ValidationError("--stores must be from 1 to 20") }
    guard (1...65_535).contains(pdPort) else {
      throw ValidationError("--pd-port must be from 1 to 65535")
    }
    let highest = 65_535 - Self.statusDistance - stores + 1
    guard (1...highest).contains(basePort) else {
      throw ValidationError(
        "--base-port must be from 1 to \(highest): \(stores) stores use the ports from there and "
          + "status ports \(Self.statusDistance) higher")
    }
    if storePorts.contains(pdPort) {
      throw ValidationError(
        "--pd-port \(pdPort) is one of the stores' ports \(Self.text(storePorts)); "
          + "choose another, or another --base-port")
    }
    if statusPorts.contains(pdPort) {
      throw ValidationError(
        "--pd-port \(pdPort) is one of the stores' status ports \(Self.text(statusPorts)); "
          + "choose another, or another --base-port")
    }
    try checkConfig()
  }

  /// A file that no store could start with is refused before anything is started.
  private func checkConfig() throws {
    guard let config else { return }
    var configuration = NodeConfiguration()
    do {
      var file = try ConfigurationFile.load(config)
      try file.apply(to: &configuration)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  private var storeOptions: [String] {
    (config.map { ["--config", $0] } ?? []) + (enablesTTL ? ["--enable-ttl"] : [])
  }

  /// How far a store's status port is above its port.
  private static let statusDistance = 20

  private var storePorts: Range<Int> { basePort..<basePort + stores }

  private var statusPorts: Range<Int> {
    basePort + Self.statusDistance..<basePort + Self.statusDistance + stores
  }

  private static func text(_ ports: Range<Int>) -> String {
    ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound) to \(ports.upperBound - 1)"
  }

  func run() async throws {
    let ports = Playground.Ports(
      pd: pdPort, stores: Array(storePorts), statuses: Array(statusPorts))
    let problems = await ports.problems()
    for problem in problems { ProcessEnd.printError(problem) }
    if !problems.isEmpty { throw ExitCode.failure }
    let files = SystemFileSystem()
    let directory = dataDir ?? "/tmp/apus-playground-\(getpid())"
    try files.createDirectory(directory)
    let playground = Playground(
      directory: directory, ports: ports, logLevel: logLevel, storeOptions: storeOptions)
    ProcessEnd.say("data and logs are in \(directory)")
    playground.watchSignals()
    do {
      try playground.start()
    } catch {
      playground.stop()
      ProcessEnd.printError("\(error)")
      throw ExitCode.failure
    }
    ProcessEnd.say("placement driver  127.0.0.1:\(pdPort)")
    for number in 0..<stores {
      ProcessEnd.say(
        "store \(number + 1)           127.0.0.1:\(basePort + number)   "
          + "status http://127.0.0.1:\(ports.statuses[number])")
    }
    let readiness = Task {
      if try await playground.waitUntilReady(progress: ProcessEnd.say) { ProcessEnd.say("ready") }
    }
    let ended = await playground.waitForEnd()
    readiness.cancel()
    playground.stop()
    if dataDir == nil { try files.removeTree(directory) }
    if !ended.wasRequested {
      ProcessEnd.printError(ended.reason)
      throw ExitCode.failure
    }
  }
}
