import Codec
import Engine
import RPC
import RaftLog
import Raftstore
import Runtime
import Storage
import Transaction

/// The parts of a store that are opened before it starts. They are closed in the opposite order.
struct StoreComponents: Sendable {
  let runtime: ProcessRuntime
  let directory: DataDirectory
  let engine: any KVEngine
  let logs: any RaftLogStore
  let snapshots: SnapManager
  let router: Router
  let pd: RemotePDClient
  let transport: RPCTransport
  /// Of the transactions of the store, and of the reads that other replicas serve.
  let concurrency = ConcurrencyControl()

  /// Opens and checks the databases and snapshots, and creates the connections' objects.
  static func open(
    _ configuration: NodeConfiguration, _ directory: DataDirectory,
    _ identity: inout DataIdentityFile, _ runtime: ProcessRuntime
  ) throws(StartError) -> StoreComponents {
    let tables = runtime.descriptors.tables
    let engine = try EngineOpener.data(
      directory, configuration, tables: tables[0], identity: identity)
    try identity.check(engine)
    try identity.record()
    let ident = try EngineOpener.storeIdent(in: engine)
    try identity.check(engine.path, clusterID: ident?.clusterID, storeID: ident?.storeID)
    let logs = try EngineOpener.logs(
      directory, tables: tables[1], identity: identity, runtime.logger)
    let snapshots = SnapManager(
      directory: directory.path + "/snap", fileSystem: runtime.files, engine: engine,
      clock: runtime.host.clock, metrics: runtime.metrics, limits: configuration.snapshots,
      pause: { BinarySemaphore().wait(atMost: $0) })
    do throws(SnapshotError) {
      let directories = try snapshots.open()
      if !directories.isEmpty {
        runtime.logger.warning(
          "unknown directories are ignored",
          metadata: ["in": "\(snapshots.directory)", "names": "\(directories)"])
      }
    } catch {
      throw StartError("cannot open the snapshots in \(snapshots.directory): \(error)")
    }
    let router = Router()
    let pd = RemotePDClient(
      connection: PDConnection(
        endpoints: configuration.pdEndpoints.map {
          RPCTarget(host: $0.host, port: $0.port)
        }, group: runtime.group, logger: runtime.logger),
      host: runtime.host, logger: runtime.logger)
    let transport = RPCTransport(
      pd: pd, snapshots: snapshots, router: router, group: runtime.group,
      raftGroup: runtime.raftGroup, host: runtime.host, security: configuration.security,
      hasTTL: configuration.enablesTTL,
      metrics: runtime.metrics, logger: runtime.logger)
    return StoreComponents(
      runtime: runtime, directory: directory, engine: engine, logs: logs, snapshots: snapshots,
      router: router, pd: pd, transport: transport)
  }

  /// Joins or bootstraps the cluster and starts the store's workers.
  func startStore(_ configuration: NodeConfiguration) async throws(StartError) -> Store {
    let (directory, capacity) = (directory, configuration.capacity)
    var generator = SystemRandomNumberGenerator()
    let expiry: (@Sendable (RawSpan) -> UInt64?)? =
      if configuration.enablesTTL { { ExpiringValue.expiry(of: $0) } } else { nil }
    let environment = RaftstoreEnvironment(
      engine: engine, logs: logs, snapshots: snapshots, transport: transport,
      pd: pd, host: runtime.host, metrics: runtime.metrics, logger: runtime.logger,
      seed: generator.next(),
      diskSpace: {
        let space = directory.space
        guard capacity > 0 else { return space }
        return (min(capacity, space.capacity), min(capacity, space.available))
      }, onFatal: runtime.onFatal, valueExpiry: expiry,
      readGuard: TransactionReadGuard(concurrency))
    let info = configuration.storeInfo(startedAt: runtime.host.clock.wallMilliseconds / 1000)
    do throws(StoreError) {
      return try await Node.start(
        info: info, config: configuration.raftstore, environment: environment, router: router)
    } catch {
      throw StartError("\(error)")
    }
  }

  /// The transactions of the store. A leader asks PD for a timestamp before it computes those of commits itself.
  func transactions(_ storage: any Storage) -> TransactionCommands {
    let timestamps: TimestampSource = { [pd] completion in
      pd.timestamp { result in
        switch result {
        case .success(let timestamp): completion(timestamp)
        case .failure: completion(nil)
        }
      }
    }
    // It ends with the timers of the process.
    _ = TimestampBound.maintain(concurrency, timestamps, runtime.host)
    return TransactionCommands(
      storage: storage, engine: engine, host: runtime.host, concurrency: concurrency,
      timestamps: timestamps, deadlocks: LocalDeadlockDetection(clock: runtime.host.clock))
  }

  /// Closes everything, the process's runtime included.
  func close() async {
    transport.close()
    pd.close()
    do throws(LogStoreError) {
      try logs.close()
    } catch {
      runtime.logger.error("closing the raft log failed", metadata: ["error": "\(error)"])
    }
    EngineOpener.close(engine, runtime.logger)
    directory.release()
    await runtime.shutdown()
  }
}
