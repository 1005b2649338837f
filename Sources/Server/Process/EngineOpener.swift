import Codec
import Engine
import Logging
import PlacementDriver
import RaftLog
import Runtime
import Storage

/// Opens the databases of a process. Errors name the path and a remedy.
enum EngineOpener {
  /// Table files that each database should keep open, before `DescriptorPlan` reduces them.
  static let dataTables = Int(RocksEngineOptions().maxOpenFiles)
  static let logTables = LogEngineOptions(files: SystemFileSystem()).maxOpenFiles
  static let placementTables = 256

  /// Opens the database of user data.
  ///
  /// - Parameter tables: table files that it may keep open.
  static func data(
    _ directory: DataDirectory, _ configuration: NodeConfiguration, tables: Int,
    identity: DataIdentityFile
  ) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    options.maxOpenFiles = Int32(clamping: tables)
    let capacity =
      configuration.blockCacheCapacity > 0
      ? configuration.blockCacheCapacity
      : SystemMemory.blockCacheBytes(ofMemory: SystemMemory.available(SystemFileSystem()))
    options.blockCacheBytes = Int(clamping: capacity)
    if identity.identity.hasTTL {
      let clock = SystemClock()
      options.droppedValues = {
        let now = clock.wallMilliseconds / 1000
        return { ExpiringValue.isExpired($0, at: now) }
      }
    }
    // After a crash a store applies the writes again from the raft log.
    options.syncedWrites = identity.identity.role == .standalone ? .all : .some
    return try open(directory.path + "/db", options, identity)
  }

  /// The store that the database belongs to; nil if it has not been bootstrapped.
  static func storeIdent(in engine: any KVEngine) throws(StartError) -> StoreIdent? {
    do {
      return try engine.get(.raft, KeyLayout.storeIdent).map { try StoreIdent(decoding: $0) }
    } catch {
      throw StartError("cannot read the database in \(engine.path): \(error)")
    }
  }

  /// Opens the database of a placement driver and checks whose it is.
  static func placement(
    _ path: String, tables: Int, identity: DataIdentityFile
  ) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    options.blockCacheBytes = 8 << 20
    options.writeBufferBytes = 4 << 20
    options.maxOpenFiles = Int32(clamping: tables)
    options.maxTotalWALBytes = 16 << 20
    // Lost region records return with the next heartbeats.
    options.syncedWrites = .most
    let engine = try open(path, options, identity)
    let clusterID: UInt64?
    do throws(PDError) {
      clusterID = try PDCore.storedClusterID(in: engine)
    } catch {
      throw StartError("cannot read the database in \(path): \(error)")
    }
    try identity.check(path, clusterID: clusterID)
    return engine
  }

  /// Opens the raft log, of the engine that the identity names, and checks whose it is. A log with damaged regions is
  /// opened: the store fences them (`RaftLogStore.damage(of:)`).
  ///
  /// - Parameter tables: files that it may keep open.
  static func logs(
    _ directory: DataDirectory, tables: Int, identity: DataIdentityFile, _ logger: Logger
  ) throws(StartError) -> any RaftLogStore {
    let engine = identity.identity.logEngine
    let path = directory.path + "/" + engine.directoryName
    var options = LogEngineOptions(files: SystemFileSystem())
    options.access = .salvage
    options.maxOpenFiles = tables
    options.createIfMissing = !identity.isBound
    var generator = SystemRandomNumberGenerator()
    options.seed = generator.next()
    let (logs, stored): (any RaftLogStore, LogStoreIdentity?)
    do throws(LogStoreError) {
      let opened = try engine.open(path, options)
      for warning in opened.warnings { logger.warning("raft log: \(warning)") }
      logs = opened.store
      stored = try logs.identity()
    } catch {
      let remedy = if case .corrupted = error { "; " + identity.remedy } else { "" }
      throw StartError("cannot open the raft log in \(path): \(error)\(remedy)")
    }
    try identity.check(path, clusterID: stored?.clusterID, storeID: stored?.storeID)
    return logs
  }

  /// Closes a database; an error is logged.
  static func close(_ engine: any KVEngine, _ logger: Logger) {
    do throws(EngineError) {
      try engine.close()
    } catch {
      logger.error("closing \(engine.path) failed", metadata: ["error": "\(error)"])
    }
  }

  private static func open(
    _ path: String, _ options: RocksEngineOptions, _ identity: DataIdentityFile
  ) throws(StartError) -> RocksEngine {
    var options = options
    options.createIfMissing = !identity.isBound
    do throws(EngineError) {
      return try RocksEngine(path: path, options: options)
    } catch {
      switch error.kind {
      case .notFound where identity.isBound: throw identity.empty(path)
      case .corruption, .notFound:
        throw StartError(
          "cannot open the database in \(path): \(error.message); \(identity.remedy)")
      default: throw StartError("cannot open the database in \(path): \(error.message)")
      }
    }
  }
}
