import ArgumentParser
import Logging
import Server

/// A store node: the product.
struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "Runs a store node.",
    discussion: """
      With --pd-endpoints the node joins, or founds, that placement driver's cluster. Without, it runs \
      alone: a fast local store that answers the placement driver's methods on its own port, so that \
      the same clients work.
      """)

  @Option(name: [.customShort("A"), .long], help: "Listen address, host:port.")
  var addr: String?
  @Option(help: "Advertised address; the default is --addr.")
  var advertiseAddr: String?
  @Option(help: "Address of /status, /metrics and /ready; empty to disable.")
  var statusAddr: String?
  @Option(help: "Advertised status address.")
  var advertiseStatusAddr: String?
  @Option(
    name: [.customLong("pd-endpoints"), .customLong("pd")],
    help: "Placement driver endpoints, separated by commas. Without it the node runs stand-alone.")
  var pdEndpoints: String?
  @Option(
    name: [.customShort("s"), .customLong("data-dir"), .customLong("store")],
    help: "Data directory.")
  var dataDir: String?
  @Option(name: [.customShort("C"), .long], help: "A TOML file with settings; flags win over it.")
  var config: String?
  @Option(name: [.customShort("L"), .long], help: "trace, debug, info, warn, error or fatal.")
  var logLevel: String?
  @Option(help: "Labels of this store, k=v,k=v.")
  var labels: String?
  @Option(help: "Disk space to report, for example 100GB; 0 for the whole disk.")
  var capacity: String?
  @Option(help: "Memory for blocks of data files, for example 1GB; 0 for 45 % of all memory.")
  var blockCacheCapacity: String?
  @Option(help: "Number of applied entries after which the raft log is compacted in any case.")
  var raftLogGcCountLimit: UInt64?
  @Option(help: "Interval of raft log compaction checks, for example 3s.")
  var raftLogGcTickInterval: String?
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
    if configuration.placementDriverEndpoints.isEmpty {
      try await runAlone(configuration, logger)
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

  private func runAlone(_ configuration: NodeConfiguration, _ logger: Logger) async throws {
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
    if let addr { configuration.address = try FlagValue.address(addr, "--addr") }
    if let advertiseAddr {
      configuration.advertisedAddress = try FlagValue.address(advertiseAddr, "--advertise-addr")
    }
    if let statusAddr {
      configuration.statusAddress =
        statusAddr.isEmpty ? nil : try FlagValue.address(statusAddr, "--status-addr")
    }
    if let advertiseStatusAddr {
      configuration.advertisedStatusAddress = try FlagValue.address(
        advertiseStatusAddr, "--advertise-status-addr")
    }
    if let pdEndpoints {
      configuration.placementDriverEndpoints = try FlagValue.endpoints(
        pdEndpoints, "--pd-endpoints")
    }
    if let dataDir { configuration.dataDirectory = dataDir }
    if let logLevel { configuration.logLevel = try FlagValue.level(logLevel) }
    if let labels { configuration.labels = try FlagValue.labels(labels) }
    if let capacity { configuration.capacity = try FlagValue.bytes(capacity, "--capacity") }
    if let blockCacheCapacity {
      configuration.blockCacheCapacity = try FlagValue.bytes(
        blockCacheCapacity, "--block-cache-capacity")
    }
    if let raftLogGcCountLimit {
      configuration.raftstore.logCompaction.count = raftLogGcCountLimit
    }
    if let raftLogGcTickInterval {
      configuration.raftstore.logCompaction.interval = try FlagValue.duration(
        raftLogGcTickInterval, "--raft-log-gc-tick-interval")
    }
    if let problem = configuration.problem() { throw ValidationError(problem) }
    return configuration
  }
}
