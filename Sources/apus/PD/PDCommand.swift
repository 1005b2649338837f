import ArgumentParser
import Logging
import Server

/// `apus pd`: the placement driver.
struct PDCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pd", abstract: "Runs the placement driver.")

  @Option(help: ArgumentHelp("Listen address.", valueName: "host:port"))
  var clientAddr = PDConfiguration().address
  @Option(
    help: ArgumentHelp("Advertised address. (default: --client-addr)", valueName: "host:port"))
  var advertiseClientAddr: HostPort?
  @Option(
    help: ArgumentHelp(
      "Address of /status, /metrics and /ready; empty to disable.", valueName: "host:port"))
  var statusAddr = StatusAddress.off
  @Option(name: .long, help: "Data directory.")
  var dataDir = PDConfiguration().dataDirectory
  @Option(name: [.customShort("L"), .long], help: "Least severe level that is logged.")
  var logLevel = Logger.Level.info
  @Option(help: "Target number of replicas of every region.")
  var maxReplicas = PDConfiguration().maxReplicas
  @Option(
    help: ArgumentHelp(
      "Time without heartbeats after which a store's replicas are replaced, for example 1h30m.",
      valueName: "duration"))
  var maxStoreDownTime = PDConfiguration().maxStoreDownTime
  @Option(
    help: ArgumentHelp(
      "Time without heartbeats after which another process may register with a store's id or "
        + "address, for example 15s.",
      valueName: "duration"))
  var storeReplacementDelay = PDConfiguration().storeReplacementDelay
  @Option(
    help: ArgumentHelp(
      "Time after which a leader that keeps sending heartbeats replaces what is known of its "
        + "region, if no leader confirms that: at least three times the stores' interval of region "
        + "heartbeats, for example 3m.",
      valueName: "duration"))
  var regionClaimTimeout = PDConfiguration().regionClaimTimeout
  @Flag(help: .hidden)
  var exitOnStdinClose = false

  func run() async throws {
    var configuration = PDConfiguration()
    configuration.address = clientAddr
    configuration.advertisedAddress = advertiseClientAddr
    configuration.statusAddress = statusAddr.address
    configuration.dataDirectory = dataDir
    configuration.maxReplicas = maxReplicas
    configuration.maxStoreDownTime = maxStoreDownTime
    configuration.storeReplacementDelay = storeReplacementDelay
    configuration.regionClaimTimeout = regionClaimTimeout
    if let problem = configuration.problem() { throw ValidationError(problem) }

    LoggingSystem.bootstrap { [logLevel] _ in UnifiedLogHandler(level: logLevel) }
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
