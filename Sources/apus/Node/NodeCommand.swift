import ArgumentParser
import Logging
import Server

/// `apus node`: a store of a cluster, or a stand-alone one.
struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "Runs a store node.",
    discussion: """
      With --pd-endpoints the node joins that placement driver's cluster, or bootstraps it. Without, it \
      runs stand-alone: a fast local store that serves the placement driver's methods on its own port, \
      so that the same clients work.
      """)

  @Option(
    name: [.customShort("A"), .long],
    help: ArgumentHelp("Listen address. (default: 127.0.0.1:20160)", valueName: "host:port"))
  var addr: HostPort?
  @Option(help: ArgumentHelp("Advertised address. (default: --addr)", valueName: "host:port"))
  var advertiseAddr: HostPort?
  @Option(
    help: ArgumentHelp(
      "Address of /status, /metrics and /ready; empty to disable. (default: 127.0.0.1:20180)",
      valueName: "host:port"))
  var statusAddr: StatusAddress?
  @Option(
    help: ArgumentHelp(
      "Advertised status address. (default: --status-addr)", valueName: "host:port"))
  var advertiseStatusAddr: HostPort?
  @Option(
    name: [.customLong("pd-endpoints"), .customLong("pd")],
    help: ArgumentHelp(
      "Placement driver endpoints, separated by commas. Without it the node runs stand-alone.",
      valueName: "host:port"),
    transform: PDEndpoints.parse)
  var pdEndpoints: PDEndpoints?
  @Option(
    name: [.customShort("s"), .customLong("data-dir"), .customLong("store")],
    help: "Data directory.")
  var dataDir: String?
  @Option(
    name: [.customShort("C"), .long],
    help: ArgumentHelp("A TOML file with settings; flags override it.", valueName: "file"))
  var config: String?
  @Option(
    name: [.customShort("L"), .long], help: "Least severe level that is logged. (default: info)")
  var logLevel: Logger.Level?
  @Option(
    help: ArgumentHelp(
      "Labels of this store, separated by commas.", valueName: "key=value"))
  var labels: LabelList?
  @Option(
    help: ArgumentHelp(
      "Disk space to report, for example 100GB; 0 for the whole disk. (default: 0)",
      valueName: "size"))
  var capacity: ByteCount?
  @Option(
    help: ArgumentHelp(
      "Memory for blocks of data files, for example 1GB; 0 for 45 % of all memory. (default: 0)",
      valueName: "size"))
  var blockCacheCapacity: ByteCount?
  @Option(help: "Number of applied entries after which the raft log is compacted in any case.")
  var raftLogGcCountLimit: UInt64?
  @Option(
    help: ArgumentHelp(
      "Interval of raft log compaction checks, for example 3s.", valueName: "duration"))
  var raftLogGcTickInterval: Duration?
  @Option(help: "Threads that run the raft of regions. (default: half of the cores, at most 4)")
  var raftWorkers: Int?
  @Option(help: "Threads that apply committed entries. (default: as many as raft workers)")
  var applyWorkers: Int?
  @Flag(
    name: .customLong("enable-ttl"),
    help: "Raw values can expire. The same for all stores of a cluster, from their first start on.")
  var enablesTTL = false
  @Flag(help: "Check the configuration and exit.")
  var configCheck = false
  @Flag(help: .hidden)
  var exitOnStdinClose = false

  func run() async throws {
    let configuration = try makeConfiguration()
    if configCheck {
      print("configuration is valid")
      return
    }
    LoggingSystem.bootstrap { _ in UnifiedLogHandler(level: configuration.logLevel) }
    let logger = Logger(label: "apus.node")
    if configuration.pdEndpoints.isEmpty {
      try await runStandalone(configuration, logger)
    } else {
      try await runStore(configuration, logger)
    }
  }

  private func runStore(_ configuration: NodeConfiguration, _ logger: Logger) async throws {
    try await ProcessEnd.serve(logger, exitOnStdinClose: exitOnStdinClose) {
      try await StoreServer.start(configuration, logger: logger, onFatal: ProcessEnd.fatal)
    } ready: { server in
      logger.info("store is ready to serve", metadata: ["store": "\(server.storeID)"])
    } stop: { server in
      await server.stop()
    }
  }

  private func runStandalone(_ configuration: NodeConfiguration, _ logger: Logger) async throws {
    try await ProcessEnd.serve(logger, exitOnStdinClose: exitOnStdinClose) {
      try await StandaloneServer.start(configuration, logger: logger, onFatal: ProcessEnd.fatal)
    } ready: { server in
      logger.info("stand-alone store is ready to serve", metadata: ["addr": "\(server.address)"])
    } stop: { server in
      await server.stop()
    }
  }

  private func makeConfiguration() throws -> NodeConfiguration {
    var configuration = NodeConfiguration()
    if let config {
      var file: ConfigurationFile
      do {
        file = try ConfigurationFile.load(config)
        try file.apply(to: &configuration)
      } catch {
        throw ValidationError("\(error)")
      }
      if !file.ignored.isEmpty {
        ProcessEnd.printError(
          "\(config): ignored, not applicable: \(file.ignored.joined(separator: ", "))")
      }
    }
    applyFlags(to: &configuration)
    if let problem = configuration.problem() { throw ValidationError(problem) }
    return configuration
  }

  /// Flags that are not given leave their setting as it is.
  private func applyFlags(to configuration: inout NodeConfiguration) {
    if let addr { configuration.address = addr }
    if let advertiseAddr { configuration.advertisedAddress = advertiseAddr }
    if let statusAddr { configuration.statusAddress = statusAddr.address }
    if let advertiseStatusAddr { configuration.advertisedStatusAddress = advertiseStatusAddr }
    if let pdEndpoints { configuration.pdEndpoints = pdEndpoints.addresses }
    if let dataDir { configuration.dataDirectory = dataDir }
    if let logLevel { configuration.logLevel = logLevel }
    if let labels { configuration.labels = labels.labels }
    if let capacity { configuration.capacity = capacity.bytes }
    if let blockCacheCapacity { configuration.blockCacheCapacity = blockCacheCapacity.bytes }
    if enablesTTL { configuration.enablesTTL = true }
    if let raftLogGcCountLimit {
      configuration.raftstore.logCompaction.count = raftLogGcCountLimit
    }
    if let raftWorkers { configuration.raftstore.shards = raftWorkers }
    if let applyWorkers { configuration.raftstore.applyWorkers = applyWorkers }
    if let raftLogGcTickInterval {
      configuration.raftstore.logCompaction.interval = raftLogGcTickInterval
    }
  }
}
