package import Codec
import Engine
package import Logging
import RPC
import RaftLog
package import Raftstore
import Runtime
import Storage
import Synchronization

/// The process of a store in a cluster: databases, raft, services, heartbeats.
package final class StoreServer: RunningNode {
  package let address: HostPort
  package let identity: StoreIdent
  package let health: HealthService
  /// For status reports.
  package let store: Store
  private let configuration: NodeConfiguration
  private let parts: StoreComponents
  private let raft: RaftService
  private let streams: OpenStreams
  private let reads: ReadPool
  private let server: RPCServer
  private let status: StatusServer?

  package var storeID: UInt64 { identity.storeID }
  package var clusterID: UInt64 { identity.clusterID }

  /// Opens the data directory, joins or bootstraps the cluster, and serves.
  ///
  /// - Parameter onFatal: see `ProcessRuntime.onFatal`.
  package static func start(
    _ configuration: NodeConfiguration, logger: Logger,
    onFatal: @escaping @Sendable (_ reason: String) -> Void
  ) async throws(StartError) -> StoreServer {
    let runtime = try ProcessRuntime(
      eventLoops: configuration.eventLoops, hasRaft: true,
      tables: [EngineOpener.dataTables, EngineOpener.logTables], logger: logger, onFatal: onFatal)
    let directory = try DataDirectory(configuration.dataDirectory, files: runtime.files)
    var configuration = configuration
    configuration.address = try await PortProbe.check(
      configuration.address, flag: "--addr", group: runtime.group)
    let streams = OpenStreams()
    let health = HealthService(streams: streams)
    var identity = try DataIdentityFile(directory, role: .store, files: runtime.files)
    try identity.settle(ttl: configuration.enablesTTL)
    try identity.settle(logEngine: configuration.logEngine)
    let parts = try StoreComponents.open(configuration, directory, &identity, runtime)
    let store = try await parts.startStore(configuration)
    try identity.record(clusterID: store.clusterID, storeID: store.storeID)
    let raft = RaftService(
      ident: StoreIdent(clusterID: store.clusterID, storeID: store.storeID),
      hasTTL: configuration.enablesTTL, router: parts.router, snapshots: parts.snapshots,
      host: runtime.host, streams: streams, metrics: runtime.metrics, logger: logger)
    let storage = RaftStorage(router: parts.router, reader: store.reader)
    var router = MethodRouter()
    let reads = ReadPool(host: runtime.host)
    let transactions = parts.transactions(storage)
    let service = TikvService(
      storage: storage, transactions: transactions,
      format: configuration.rawFormat(runtime.host.clock), clusterID: store.clusterID,
      storeID: store.storeID, streams: streams, reads: reads)
    service.register(on: &router)
    SplitRegionMethod(router: parts.router, clusterID: store.clusterID).register(on: &router)
    ReplicaReadMethods(
      router: parts.router, meta: store.meta, concurrency: transactions.concurrency,
      clusterID: store.clusterID
    ).register(on: &router)
    raft.register(on: &router)
    health.register(on: &router)
    let server = try await RPCServer.listen(
      on: configuration.address, router: router, security: configuration.security,
      runtime: runtime)
    let regions = RegionsPage(store: store)
    let status = try await StatusServer.start(
      configuration.statusAddress, health: health, runtime: runtime,
      routes: [
        StatusServer.configRoute(configuration), regions.route,
        ConsistencyPage(store: store).route,
      ])
    health.set(serving: true)
    return StoreServer(
      configuration: configuration, parts: parts, store: store, raft: raft, health: health,
      streams: streams, reads: reads, server: server, status: status)
  }

  private init(
    configuration: NodeConfiguration, parts: StoreComponents, store: Store, raft: RaftService,
    health: HealthService, streams: OpenStreams, reads: ReadPool, server: RPCServer,
    status: StatusServer?
  ) {
    self.configuration = configuration
    self.parts = parts
    self.store = store
    self.raft = raft
    self.health = health
    self.streams = streams
    self.reads = reads
    self.server = server
    self.status = status
    address = configuration.publicAddress
    identity = StoreIdent(clusterID: store.clusterID, storeID: store.storeID)
  }

  /// Transfers leaders, completes the requests in progress and closes the databases.
  package func stop() async {
    health.set(serving: false)
    await LeaderEviction(store: store, host: parts.runtime.host)
      .run(atMost: configuration.gracefulShutdownTimeout)
    streams.endAll()
    await server.shutdown(gracePeriod: .seconds(5))
    await status?.stop()
    reads.stop()
    store.stop()
    raft.stop()
    await parts.close()
  }
}
