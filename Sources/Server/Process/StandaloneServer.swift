package import Codec
import Engine
package import Logging
import PlacementDriver
import Protobuf
import RPC
import Runtime
import Storage

/// A store that runs alone: the engine without raft, and an embedded PD on the same port, so that clients of a
/// cluster work with it unchanged.
package final class StandaloneServer: RunningNode {
  /// How often the store and its region report to the embedded PD.
  private static let heartbeatInterval = Duration.seconds(10)

  package let address: HostPort
  package let identity: StoreIdent
  package let health: HealthService
  private let runtime: ProcessRuntime
  private let directory: DataDirectory
  private let engine: any KVEngine
  private let pdEngine: any KVEngine
  private let pd: EmbeddedPD
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
    try identity.settle(ttl: configuration.enablesTTL)
    let address = try await PortProbe.check(
      configuration.address, flag: "--addr", group: runtime.group)
    var configuration = configuration
    configuration.address = address
    let tables = runtime.descriptors.tables
    let engine = try EngineOpener.data(
      directory, configuration, tables: tables[0], identity: identity)
    try identity.check(engine)
    try identity.record()
    let pdEngine = try EngineOpener.placement(
      directory.path + "/pd", tables: tables[1], identity: identity)
    var config = PDConfig(
      advertiseClientURLs: ["http://\(configuration.publicAddress)"])
    config.maxReplicas = 1
    // The only store is in this process: no other process can be at an address it had.
    config.takeoverDelay = .zero
    config.regionClaimTimeout = heartbeatInterval * 3
    let streams = OpenStreams()
    let pd = try await EmbeddedPD.start(
      engine: pdEngine, config: config, streams: streams, runtime: runtime)
    let (info, region) = try await Self.register(configuration, pd.client, runtime.host.clock)
    try identity.record(clusterID: pd.clusterID, storeID: info.id)
    guard let peer = region.peers.first else {
      throw StartError("\(pdEngine.path) knows no peer of the region")
    }
    let storage = StandaloneStorage(
      engine: engine, region: region, peer: peer, host: runtime.host,
      maxWriteSize: configuration.raftstore.maxEntrySize, onFatal: runtime.onFatal)
    let health = HealthService(streams: streams)
    let reads = ReadPool(host: runtime.host)
    let transactions = try await transactions(storage, engine, pd.client, runtime.host)
    let service = TikvService(
      storage: storage, transactions: transactions,
      format: configuration.rawFormat(runtime.host.clock), clusterID: pd.clusterID,
      storeID: info.id, streams: streams, reads: reads)
    var router = MethodRouter()
    service.register(on: &router)
    UnimplementedMethods.registerClustered(on: &router)
    pd.service.register(on: &router)
    health.register(on: &router)
    let server = try await RPCServer.listen(
      on: address, router: router, security: configuration.security, runtime: runtime,
      http: pd.http.service)
    let status = try await StatusServer.start(
      configuration.statusAddress, health: health, runtime: runtime,
      routes: [StatusServer.configRoute(configuration)])
    health.set(serving: true)
    return StandaloneServer(
      address: configuration.publicAddress,
      identity: StoreIdent(clusterID: pd.clusterID, storeID: info.id), health: health,
      runtime: runtime, directory: directory, engine: engine, pdEngine: pdEngine,
      pd: pd, storage: storage, reads: reads, server: server, status: status,
      region: region)
  }

  private init(
    address: HostPort, identity: StoreIdent, health: HealthService, runtime: ProcessRuntime,
    directory: DataDirectory, engine: any KVEngine, pdEngine: any KVEngine,
    pd: EmbeddedPD, storage: StandaloneStorage, reads: ReadPool, server: RPCServer,
    status: StatusServer?, region: Region
  ) {
    self.address = address
    self.identity = identity
    self.health = health
    self.runtime = runtime
    self.directory = directory
    self.engine = engine
    self.pdEngine = pdEngine
    self.pd = pd
    streams = pd.service.streams
    self.reads = reads
    self.storage = storage
    self.server = server
    self.status = status
    self.region = region
    let report: @Sendable () -> Void = {
      Self.report(pd.client, directory, identity.storeID, region)
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
    pd.stop()
    EngineOpener.close(engine, runtime.logger)
    EngineOpener.close(pdEngine, runtime.logger)
    directory.release()
    await runtime.shutdown()
  }

  /// The store and region that the embedded PD knows from the last run, or new ones.
  private static func register(
    _ configuration: NodeConfiguration, _ pd: any PDClient, _ clock: any Clock
  ) async throws(StartError) -> (StoreInfo, Region) {
    var info = configuration.storeInfo(startedAt: clock.wallMilliseconds / 1000)
    let region: Region
    if try await value({ pd.isBootstrapped($0) }) {
      guard let known = try await value({ pd.region(containing: [], $0) }) else {
        throw StartError("the embedded placement driver knows no region")
      }
      region = known
      info.id = region.peers.first?.storeID ?? 0
    } else {
      info.id = try await value { pd.allocateID($0) }
      let regionID = try await value { pd.allocateID($0) }
      let peerID = try await value { pd.allocateID($0) }
      region = Region(
        id: regionID, epoch: .initial, peers: [PeerInfo(id: peerID, storeID: info.id)])
      let store = info
      try await value { pd.bootstrap(store: store, region: region, $0) }
    }
    let store = info
    try await value { pd.putStore(store, $0) }
    return (info, region)
  }

  /// The transactions of the store. The only earlier leader was this store before it was restarted: `max_ts` begins above
  /// the reads that it served then.
  private static func transactions(
    _ storage: any Storage, _ engine: any KVEngine, _ pd: any PDClient, _ host: any WorkerHost
  ) async throws(StartError) -> TransactionCommands {
    let transactions = TransactionCommands(
      storage: storage, engine: engine, host: host,
      deadlocks: LocalDeadlockDetection(clock: host.clock))
    transactions.concurrency.raiseMaxTS(to: try await value { pd.timestamp($0) })
    return transactions
  }

  /// Waits for a call to the embedded PD.
  private static func value<Value: Sendable>(
    _ call: (@escaping @Sendable (Result<Value, PDClientError>) -> Void) -> Void
  ) async throws(StartError) -> Value {
    let result = await withCheckedContinuation { continuation in
      call { continuation.resume(returning: $0) }
    }
    do throws(PDClientError) {
      return try result.get()
    } catch {
      throw StartError("the store cannot register: \(error)")
    }
  }

  /// Reports the store, and its region with the only peer as leader. A report that fails is followed by the next.
  private static func report(
    _ pd: any PDClient, _ directory: DataDirectory, _ storeID: UInt64, _ region: Region
  ) {
    let space = directory.space
    pd.storeHeartbeat(
      StoreHeartbeat(
        storeID: storeID, capacity: space.capacity, available: space.available, regionCount: 1)
    ) { _ in }
    guard let peer = region.peers.first else { return }
    pd.regionHeartbeat(RegionHeartbeat(region: region, leader: peer, term: 1))
  }
}
