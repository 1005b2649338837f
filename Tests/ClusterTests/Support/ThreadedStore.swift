import Codec
import Engine
import Logging
import RaftLog
import Runtime
import Storage
import Synchronization
import TestSupport

@testable import Raftstore

/// One store as in production, workers on threads and data in RocksDB, which can be stopped and started again on its
/// directories.
final class ThreadedStore: Sendable {
  /// What exists while the store runs.
  struct Running: Sendable {
    var engine: RocksEngine
    var logs: RocksDBLogStore
    var snapshots: SnapManager
    var transport: InProcessTransport
    var store: Store
    var commands: RawCommands
  }

  /// What all stores of a cluster share.
  struct Surroundings: Sendable {
    var host: ThreadHost
    var network: FaultyNetwork
    var pd: InProcessPD
    var config: RaftstoreConfig
    var fatal: FatalReasons
    var seed: UInt64
  }

  let id: UInt64
  let directory: String
  private let surroundings: Surroundings
  private let running = Mutex<Running?>(nil)

  init(id: UInt64, directory: String, _ surroundings: Surroundings) {
    self.id = id
    self.directory = directory
    self.surroundings = surroundings
  }

  var current: Running? { running.withLock { $0 } }

  private var ident: StoreIdent { StoreIdent(clusterID: surroundings.pd.clusterID, storeID: id) }

  // MARK: Disks

  private func open() throws -> (RocksEngine, RocksDBLogStore) {
    let engine = try RocksEngine(path: directory + "/db", options: .small)
    var options = RocksDBLogStoreOptions()
    options.writeBufferBytes = 4 << 20
    options.blockCacheBytes = 1 << 20
    options.maxBackgroundJobs = 1
    return (engine, try RocksDBLogStore(path: directory + "/raft", options: options))
  }

  // MARK: Life

  /// - Parameter founding: the first region, for a new store: it gets its identity and a replica with an empty log.
  func start(founding region: Region? = nil) throws {
    precondition(current == nil, "store \(id) is running")
    if region != nil { try SystemFileSystem().createDirectory(directory) }
    let (engine, logs) = try reopen()
    if let region {
      let records = BootstrapRecords(engine: engine, logs: logs)
      try records.write(ident)
      try records.prepare(region)
      try records.clearPreparation()
    }
    let metrics = Metrics()
    let snapshots = SnapManager(
      directory: directory + "/snap", fileSystem: SystemFileSystem(), engine: engine,
      clock: surroundings.host.clock, metrics: metrics)
    try snapshots.open()
    let router = Router()
    let transport = InProcessTransport(
      surroundings.network, storeID: id, router: router, snapshots: snapshots)
    let (fatal, id) = (surroundings.fatal, id)
    let environment = RaftstoreEnvironment(
      engine: engine, logs: logs, snapshots: snapshots, transport: transport,
      pd: surroundings.pd.client(storeID: id), host: surroundings.host, metrics: metrics,
      logger: Logger(label: "store-\(id)") { _ in SwiftLogNoOpLogHandler() },
      seed: surroundings.seed, diskSpace: { (1 << 40, 1 << 39) },
      onFatal: { fatal.add("store \(id): \($0)") })
    let store = try Store.start(
      ident: ident, info: StoreInfo(id: id, address: "store-\(id)", version: "8.5.0"),
      config: surroundings.config, environment: environment, router: router)
    let storage = RaftStorage(router: router, reader: store.reader)
    running.withLock {
      $0 = Running(
        engine: engine, logs: logs, snapshots: snapshots, transport: transport, store: store,
        commands: RawCommands(storage: storage))
    }
    surroundings.network.open(
      FaultyNetwork.Inbox(storeID: id, router: router, snapshots: snapshots))
  }

  /// Opens the databases. A read that outlives the store keeps its directory in use a little longer.
  private func reopen() throws -> (RocksEngine, RocksDBLogStore) {
    var opened: (RocksEngine, RocksDBLogStore)?
    try Wait.until("the directories of store \(id) are free") {
      do {
        opened = try open()
      } catch let error as EngineError where error.kind == .locked {
        return false
      }
      return true
    }
    guard let opened else { throw CheckFailure("store \(id) cannot be opened") }
    return opened
  }

  /// Stops in good order: what the store has acknowledged is in its directories.
  func stop() throws {
    guard let ended = running.withLock({ $0.take() }) else { return }
    surroundings.network.close(id)
    ended.store.stop()
    ended.transport.close()
    try ended.logs.close()
    try ended.engine.close()
  }

  // MARK: Looking

  /// What the store's own disk has under a key, whoever leads.
  func value(_ key: String, _ family: ColumnFamily = .default) throws -> String? {
    guard let engine = current?.engine else { return nil }
    return try engine.get(family, Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Nil if the store has no replica of the region.
  func applyState(_ regionID: UInt64) throws -> ApplyState? {
    try current?.engine.get(.raft, KeyLayout.applyState(regionID: regionID)).map {
      try ApplyState(decoding: $0)
    }
  }
}
