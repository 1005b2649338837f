import ArgumentParser
import Logging
import Server

/// The placement driver.
struct PDCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pd", abstract: "Runs the placement driver.")

  @Option(help: "Where to listen, host:port.")
  var clientAddr = "127.0.0.1:2379"
  @Option(help: "Where others reach it; the default is --client-addr.")
  var advertiseClientAddr: String?
  @Option(help: "Where to serve /status, /metrics and /ready; empty for nowhere.")
  var statusAddr = ""
  @Option(name: .long, help: "Where it keeps its state.")
  var dataDir = "./apus-pd"
  @Option(name: [.customShort("L"), .long], help: "trace, debug, info, warn, error or fatal.")
  var logLevel = "info"
  @Option(help: "Replicas every region is brought to.")
  var maxReplicas = 3
  @Option(help: "Silence after which a store's replicas are made anew elsewhere, for example 30m.")
  var maxStoreDownTime = "30m"
  @Option(
    help:
      "Silence after which another process may take a store's place or address, for example 15s.")
  var storeTakeoverDelay = "15s"
  @Flag(help: .hidden)
  var exitOnStdinClose = false

  func run() async throws {
    var configuration = PlacementDriverConfiguration()
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
    configuration.storeTakeoverDelay = try FlagValue.duration(
      storeTakeoverDelay, "--store-takeover-delay")
    let level = try FlagValue.level(logLevel)
    if let problem = configuration.problem() { throw ValidationError(problem) }

    LoggingSystem.bootstrap { _ in UnifiedLogHandler(level: level) }
    let logger = Logger(label: "apus.pd")
    let server: PlacementDriverServer
    do {
      server = try await PlacementDriverServer.start(
        configuration, logger: logger, onFatal: ProcessEnd.fatal)
    } catch {
      ProcessEnd.complain("\(error)")
      throw ExitCode.failure
    }
    logger.info("placement driver is ready to serve", metadata: ["addr": "\(server.address)"])
    await ProcessEnd.wait(exitOnStdinClose: exitOnStdinClose)
    await server.stop()
    logger.info("stopped")
  }
}
