import ArgumentParser
import Logging
import Server

/// The placement driver.
struct PDCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pd", abstract: "Runs the placement driver.")

  @Option(help: "Listen address, host:port.")
  var clientAddr = "127.0.0.1:2379"
  @Option(help: "Advertised address; the default is --client-addr.")
  var advertiseClientAddr: String?
  @Option(help: "Address of /status, /metrics and /ready; empty to disable.")
  var statusAddr = ""
  @Option(name: .long, help: "Data directory.")
  var dataDir = "./apus-pd"
  @Option(name: [.customShort("L"), .long], help: "trace, debug, info, warn, error or fatal.")
  var logLevel = "info"
  @Option(help: "Target number of replicas of every region.")
  var maxReplicas = 3
  @Option(
    help: "Time without heartbeats after which a store's replicas are replaced, for example 30m.")
  var maxStoreDownTime = "30m"
  @Option(
    help:
      "Time without heartbeats after which another process may register with a store's id or address, for example 15s."
  )
  var storeReplacementDelay = "15s"
  @Option(
    help:
      "Time after which a leader that keeps sending heartbeats replaces what is known of its region, if no leader confirms that: at least three times the stores' interval of region heartbeats, for example 3m."
  )
  var regionClaimTimeout = "3m"
  @Flag(help: .hidden)
  var exitOnStdinClose = false

  func run() async throws {
    var configuration = PDConfiguration()
    configuration.address = try FlagValue.address(clientAddr, "--client-addr")
    configuration.advertisedAddress = try advertiseClientAddr.map {
      try FlagValue.address($0, "--advertise-client-addr")
    }
    configuration.statusAddress =
      statusAddr.isEmpty ? nil : try FlagValue.address(statusAddr, "--status-addr")
    configuration.dataDirectory = dataDir
    configuration.maxReplicas = maxReplicas
    configuration.maxStoreDownTime = try FlagValue.duration(
      maxStoreDownTime, "--max-store-down-time")
    configuration.storeReplacementDelay = try FlagValue.duration(
      storeReplacementDelay, "--store-replacement-delay")
    configuration.regionClaimTimeout = try FlagValue.duration(
      regionClaimTimeout, "--region-claim-timeout")
    let level = try FlagValue.level(logLevel)
    if let problem = configuration.problem() { throw ValidationError(problem) }

    LoggingSystem.bootstrap { _ in UnifiedLogHandler(level: level) }
    let logger = Logger(label: "apus.pd")
    try await ProcessEnd.serve(logger, exitOnStdinClose: exitOnStdinClose) { [configuration] in
      try await PDServer.start(configuration, logger: logger, onFatal: ProcessEnd.fatal)
    } ready: { server in
      logger.info("placement driver is ready to serve", metadata: ["addr": "\(server.address)"])
    } stop: { server in
      await server.stop()
    }
  }
}
