import Engine
import Logging
import RaftLog

/// Opens a process's databases, with errors that help.
enum EngineOpening {
  /// The user's data.
  static func data(
    _ directory: DataDirectory, _ configuration: NodeConfiguration
  ) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    if configuration.blockCacheCapacity > 0 {
      options.blockCacheBytes = Int(clamping: configuration.blockCacheCapacity)
    }
    return try open(directory.path + "/db", options)
  }

  /// The little state of a placement driver.
  static func placement(_ path: String) throws(StartError) -> RocksEngine {
    var options = RocksEngineOptions()
    options.blockCacheBytes = 8 << 20
    options.writeBufferBytes = 4 << 20
    options.maxOpenFiles = 256
    options.maxTotalWALBytes = 16 << 20
    return try open(path, options)
  }

  static func logs(_ directory: DataDirectory) throws(StartError) -> RocksDBLogStore {
    let path = directory.path + "/raft"
    do throws(LogStoreError) {
      return try RocksDBLogStore(path: path)
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
