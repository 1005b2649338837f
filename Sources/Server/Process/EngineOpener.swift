import Codec
import Engine
import Logging
import RaftLog
import Runtime

/// Opens a process's databases, with errors that help.
enum EngineOpener {
  /// Table files that a database would like to keep open.
  static let dataTables = Int(RocksEngineOptions().maxOpenFiles)
  static let logTables = Int(RocksDBLogStoreOptions().maxOpenFiles)
  static let placementTables = 256

  /// The user's data.
  ///
  /// - Parameter tables: table files it may keep open.
  static func data(
    _ directory: DataDirectory, _ configuration: NodeConfiguration, tables: Int
  ) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    options.maxOpenFiles = Int32(clamping: tables)
    let capacity =
      configuration.blockCacheCapacity > 0
      ? configuration.blockCacheCapacity
      : SystemMemory.blockCacheBytes(ofMemory: SystemMemory.available(SystemFileSystem()))
    options.blockCacheBytes = Int(clamping: capacity)
    return try open(directory.path + "/db", options)
  }

  /// Refuses data that a store of a cluster has left: without its raft log it may be behind.
  static func requireNoStore(in engine: any KVEngine) throws(StartError) {
    let ident: [UInt8]?
    do throws(EngineError) {
      ident = try engine.get(.raft, KeyLayout.storeIdent)
    } catch {
      throw StartError("cannot read the database in \(engine.path): \(error.message)")
    }
    guard ident == nil else {
      throw StartError(
        "\(engine.path) belongs to a store of a cluster; start it with --pd-endpoints, or choose "
          + "another --data-dir to run stand-alone")
    }
  }

  /// The little state of a placement driver.
  static func placement(_ path: String, tables: Int) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    options.blockCacheBytes = 8 << 20
    options.writeBufferBytes = 4 << 20
    options.maxOpenFiles = Int32(clamping: tables)
    options.maxTotalWALBytes = 16 << 20
    return try open(path, options)
  }

  static func logs(
    _ directory: DataDirectory, tables: Int
  ) throws(StartError) -> RocksDBLogStore {
    let path = directory.path + "/raft"
    var options = RocksDBLogStoreOptions()
    options.maxOpenFiles = Int32(clamping: tables)
    do throws(LogStoreError) {
      return try RocksDBLogStore(path: path, options: options)
    } catch {
      throw StartError("cannot open the raft log in \(path): \(error)")
    }
  }

  static func close(_ engine: any KVEngine, _ logger: Logger) {
    do throws(EngineError) {
      try engine.close()
    } catch {
      logger.error("closing \(engine.path) failed", metadata: ["error": "\(error)"])
    }
  }

  private static func open(
    _ path: String, _ options: RocksEngineOptions
  ) throws(StartError) -> RocksEngine {
    do throws(EngineError) {
      return try RocksEngine(path: path, options: options)
    } catch {
      throw StartError("cannot open the database in \(path): \(error.message)")
    }
  }
}
