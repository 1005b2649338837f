package import Codec
import Engine
package import Logging
import PlacementDriver
import RPC
import Runtime
import Storage
import Wire

/// A store that runs alone: the engine without raft, and an embedded placement driver on the same
/// port, so that clients of a cluster work with it unchanged.
package final class StandaloneServer: RunningNode {
  /// How often the embedded driver hears that the store lives.
  private static let heartbeatInterval = Duration.seconds(10)

  package let address: HostPort
  package let identity: StoreIdent
  package let health: HealthService
  private let runtime: ProcessRuntime
  private let directory: DataDirectory
  private let engine: any KVEngine
  private let driverEngine: any KVEngine
  private let driver: EmbeddedPD
  private let streams: OpenStreams
  private let reads: ReadPool
  private let storage: StandaloneStorage
  private let server: RPCServer
  private let status: StatusServer?
  private let heartbeats: any Cancellable
  private let region: Region

  /// Opens the data directory and serves.
  ///
  /// - Parameter onFatal: the disk cannot be trusted any longer: the process must end.
  package static func start(
    _ configuration: NodeConfiguration, logger: Logger,
    onFatal: @escaping @Sendable (_ reason: String) -> Void
  ) async throws(StartError) -> StandaloneServer {
    let runtime = try ProcessRuntime(
      eventLoops: configuration.eventLoops,
      tables: [EngineOpener.dataTables, EngineOpener.placementTables], logger: logger,
      onFatal: onFatal)
    let directory = try DataDirectory(configuration.dataDirectory, files: runtime.files)
    var identity = try DataIdentityFile(directory, role: .standalone, files: runtime.files)
    let address = try await PortProbe.check(
      configuration.address, flag: "--addr", group: runtime.group)
    var configuration = configuration
    configuration.address = address
    let tables = runtime.descriptors.tables
    let engine = try EngineOpener.data(
      directory, configuration, tables: tables[0], identity: identity)
    try identity.check(engine)
    try identity.record()
    let driverEngine = try EngineOpener.placement(
      directory.path + "/pd", tables: tables[1], identity: identity)
    var placement = PDConfig(
      advertiseClientURLs: ["http://\(configuration.publicAddress)"])
    placement.maxReplicas = 1
    // The only store lives in the same process: whatever address it had, no one is there now.
    placement.takeoverDelay = .zero
    placement.regionClaimTimeout = heartbeatInterval * 3
    let streams = OpenStreams()
    let driver = try await EmbeddedPD.start(
      engine: driverEngine, config: placement, streams: streams, runtime: runtime)
    let (info, region) = try await Self.register(configuration, driver, runtime.host.clock)
    try identity.record(clusterID: driver.clusterID, storeID: info.id)
    guard let peer = region.peers.first else {
      throw StartError("\(driverEngine.path) knows no peer of the region")
    }
    let storage = StandaloneStorage(
      engine: engine, region: region, peer: peer, host: runtime.host,
      maxWriteSize: configuration.raftstore.maxEntrySize, onFatal: runtime.onFatal)
    let health = HealthService(streams: streams)
    let reads = ReadPool(host: runtime.host)
    let service = TikvService(
      storage: storage, clusterID: driver.clusterID, storeID: info.id, streams: streams,
      reads: reads)
    var router = MethodRouter()
    service.register(on: &router)
    driver.service.register(on: &router)
    UnimplementedPDMethods.register(on: &router, clusterID: driver.clusterID)
    health.register(on: &router)
    let server = try await RPCServer.listen(
      on: address, router: router, security: configuration.security, runtime: runtime,
      http: driver.http.service)
    let status = try await StatusServer.start(
      configuration.statusAddress, health: health, runtime: runtime,
      routes: [StatusServer.configRoute])
    health.set(serving: true)
    return StandaloneServer(
      address: configuration.publicAddress,
      identity: StoreIdent(clusterID: driver.clusterID, storeID: info.id), health: health,
      runtime: runtime, directory: directory, engine: engine, driverEngine: driverEngine,
      driver: driver, storage: storage, reads: reads, server: server, status: status,
      region: region)
  }

  private init(
    address: HostPort, identity: StoreIdent, health: HealthService, runtime: ProcessRuntime,
    directory: DataDirectory, engine: any KVEngine, driverEngine: any KVEngine,
    driver: EmbeddedPD, storage: StandaloneStorage, reads: ReadPool, server: RPCServer,
    status: StatusServer?, region: Region
  ) {
    self.address = address
    self.identity = identity
    self.health = health
    self.runtime = runtime
    self.directory = directory
    self.engine = engine
    self.driverEngine = driverEngine
    self.driver = driver
    streams = driver.service.streams
    self.reads = reads
    self.storage = storage
    self.server = server
    self.status = status
    self.region = region
    let report: @Sendable () -> Void = {
      Self.report(driver, directory, identity.storeID, region, engine)
    }
    report()
    heartbeats = runtime.host.every(Self.heartbeatInterval, report)
  }

  package func stop() async {
    health.set(serving: false)
    streams.endAll()
    await server.shutdown(gracePeriod: .seconds(5))
    await status?.stop()
    heartbeats.cancel()
    reads.stop()
    storage.stop()
    driver.stop()
    EngineOpener.close(engine, runtime.logger)
    EngineOpener.close(driverEngine, runtime.logger)
    directory.release()
    await runtime.shutdown()
  }

  /// The embedded driver's store and region: from the last run, or made now.
  private static func register(
    _ configuration: NodeConfiguration, _ driver: EmbeddedPD, _ clock: any Clock
  ) async throws(StartError) -> (StoreInfo, Region) {
    var info = configuration.storeInfo(startedAt: clock.wallMilliseconds / 1000)
    let known = try await driver.answer(
      PDCore.isBootstrapped, .with { $0.header = driver.header })
    let region: Region
    if known.bootstrapped {
      let found = try await driver.answer(
        PDCore.getRegion, .with { $0.header = driver.header })
      do throws(CodecError) {
        region = try Region(found.region)
      } catch {
        throw StartError("the embedded placement driver's region is damaged: \(error)")
      }
      info.id = region.peers.first?.storeID ?? 0
    } else {
      info.id = try await allocate(driver)
      let regionID = try await allocate(driver)
      let peerID = try await allocate(driver)
      region = Region(
        id: regionID, epoch: .initial, peers: [PeerInfo(id: peerID, storeID: info.id)])
      let founded = try await driver.answer(
        PDCore.bootstrap,
        .with {
          $0.header = driver.header
          $0.store = info.wire
          $0.region = region.wire
        })
      try check(founded.header)
    }
    let put = try await driver.answer(
      PDCore.putStore,
      .with {
        $0.header = driver.header
        $0.store = info.wire
      })
    try check(put.header)
    return (info, region)
  }

  private static func allocate(_ driver: EmbeddedPD) async throws(StartError) -> UInt64 {
    let answer = try await driver.answer(
      PDCore.allocID, .with { $0.header = driver.header })
    try check(answer.header)
    return answer.id
  }

  private static func check(_ header: Pdpb_ResponseHeader) throws(StartError) {
    guard !header.hasError else {
      throw StartError("the embedded placement driver refuses: \(header.error.message)")
    }
  }

  /// Notifies the driver that the store and the region's leader live.
  private static func report(
    _ driver: EmbeddedPD, _ directory: DataDirectory, _ storeID: UInt64,
    _ region: Region, _ engine: any KVEngine
  ) {
    let space = directory.space
    let store = Pdpb_StoreHeartbeatRequest.with {
      $0.header = driver.header
      $0.stats.storeID = storeID
      $0.stats.capacity = space.capacity
      $0.stats.available = space.available
      $0.stats.regionCount = 1
    }
    driver.service.call(PDCore.storeHeartbeat, store) { _ in }
    let leader = Pdpb_RegionHeartbeatRequest.with {
      $0.header = driver.header
      $0.region = region.wire
      if let peer = region.peers.first { $0.leader = peer.wire }
      $0.term = 1
    }
    driver.service.call(PDCore.regionHeartbeat, leader) { _ in }
  }
}
