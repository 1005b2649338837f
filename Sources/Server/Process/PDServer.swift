import Engine
package import Logging
import PlacementDriver
import RPC
import Runtime

/// PD as a process: its state on disk, its services on one port.
package final class PDServer: Sendable {
  /// Where clients and stores reach it.
  package let address: HostPort
  package let clusterID: UInt64
  package let health: HealthService
  private let runtime: ProcessRuntime
  private let directory: DataDirectory
  private let engine: any KVEngine
  private let pd: EmbeddedPD
  private let streams: OpenStreams
  private let server: RPCServer
  private let status: StatusServer?

  /// Opens the data directory and serves.
  ///
  /// - Parameter onFatal: the disk cannot be trusted any longer: the process must end.
  package static func start(
    _ configuration: PDConfiguration, logger: Logger,
    onFatal: @escaping @Sendable (_ reason: String) -> Void
  ) async throws(StartError) -> PDServer {
    let runtime = try ProcessRuntime(
      eventLoops: 1, tables: [EngineOpener.placementTables], logger: logger, onFatal: onFatal)
    let directory = try DataDirectory(configuration.dataDirectory, files: runtime.files)
    var identity = try DataIdentityFile(directory, role: .pd, files: runtime.files)
    let address = try await PortProbe.check(
      configuration.address, flag: "--client-addr", group: runtime.group)
    let advertised = configuration.advertisedAddress ?? address
    let engine = try EngineOpener.placement(
      directory.path + "/db", tables: runtime.descriptors.tables[0], identity: identity)
    try identity.check(engine)
    try identity.record()
    var config = PDConfig(advertiseClientURLs: ["http://\(advertised)"])
    config.maxReplicas = configuration.maxReplicas
    config.maxStoreDownTime = configuration.maxStoreDownTime
    config.takeoverDelay = configuration.storeReplacementDelay
    config.regionClaimTimeout = configuration.regionClaimTimeout
    let streams = OpenStreams()
    let pd = try await EmbeddedPD.start(
      engine: engine, config: config, streams: streams, runtime: runtime)
    try identity.record(clusterID: pd.clusterID)
    let health = HealthService(streams: streams)
    var router = MethodRouter()
    pd.service.register(on: &router)
    health.register(on: &router)
    let server = try await RPCServer.listen(
      on: address, router: router, security: nil, runtime: runtime, http: pd.http.service)
    let status = try await StatusServer.start(
      configuration.statusAddress, health: health, runtime: runtime)
    health.set(serving: true)
    return PDServer(
      address: advertised, health: health, runtime: runtime, directory: directory,
      engine: engine, pd: pd, server: server, status: status)
  }

  private init(
    address: HostPort, health: HealthService, runtime: ProcessRuntime, directory: DataDirectory,
    engine: any KVEngine, pd: EmbeddedPD, server: RPCServer, status: StatusServer?
  ) {
    self.address = address
    clusterID = pd.clusterID
    self.health = health
    self.runtime = runtime
    self.directory = directory
    self.engine = engine
    self.pd = pd
    streams = pd.service.streams
    self.server = server
    self.status = status
  }

  /// Finishes what is under way and closes the state.
  package func stop() async {
    health.set(serving: false)
    streams.endAll()
    await server.shutdown(gracePeriod: .seconds(2))
    await status?.stop()
    pd.stop()
    EngineOpener.close(engine, runtime.logger)
    directory.release()
    await runtime.shutdown()
  }
}
