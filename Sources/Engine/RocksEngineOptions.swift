import RocksDB

/// How a RocksDB engine is tuned; the defaults suit a node with a few gigabytes of memory.
package struct RocksEngineOptions: Sendable {
  /// How data files are compressed.
  package enum Compression: Sendable {
    case none, lz4, zstd
  }

  /// Which of an engine's writes are synced.
  package enum SyncedWrites: Sendable {
    /// What the write-ahead log loses is written again by someone else.
    case some
    /// All but those that may be lost without harm.
    case most
    case all
  }

  /// Shared by all families.
  package var blockCacheBytes = 256 << 20
  /// Of the families default and write; lock and raft get half.
  package var writeBufferBytes = 64 << 20
  package var maxBackgroundJobs: Int32 = 3
  package var maxOpenFiles: Int32 = 4096
  package var maxTotalWALBytes: UInt64 = 1 << 30
  package var compression = Compression.lz4
  package var bottommostCompression: Compression?
  /// Reads what is there without taking the lock; every write throws.
  package var readOnly = false
  /// False: a directory without a database is an error.
  package var createIfMissing = true
  /// Which writes are synced: decides whether a database with a damaged write-ahead log is refused.
  package var syncedWrites = SyncedWrites.some

  package init() {}

  var database: DBOptions {
    var options = DBOptions()
    options.createIfMissing = createIfMissing && !readOnly
    options.maxBackgroundJobs = maxBackgroundJobs
    options.maxOpenFiles = maxOpenFiles
    options.maxTotalWALSize = maxTotalWALBytes
    options.syncedWrites = syncedWrites.native
    return options
  }

  func family(_ family: ColumnFamily, cache: BlockCache?) -> FamilyOptions {
    var options = FamilyOptions()
    options.blockCache = cache
    options.writeBufferSize = writeBufferBytes
    options.compression = compression.native
    options.bottommostCompression = bottommostCompression?.native
    switch family {
    case .default, .write: break
    case .lock, .raft:
      // Small, hot, and mostly deleted or overwritten soon after it was written.
      options.writeBufferSize = writeBufferBytes / 2
      options.compression = .none
      options.pointLookup = true
    }
    return options
  }
}

extension RocksEngineOptions.Compression {
  var native: FamilyOptions.Compression {
    switch self {
    case .none: .none
    case .lz4: .lz4
    case .zstd: .zstd
    }
  }
}

extension RocksEngineOptions.SyncedWrites {
  var native: DBOptions.SyncedWrites {
    switch self {
    case .some: .some
    case .most: .most
    case .all: .all
    }
  }
}
