import RocksDB

/// Options of a RocksDB engine. The defaults are for a node with a few gigabytes of memory.
package struct RocksEngineOptions: Sendable {
  /// The compression of data files.
  package enum Compression: Sendable {
    case none, lz4, zstd
  }

  /// Which writes of the owner are synced.
  package enum SyncedWrites: Sendable {
    /// Only a few. The others are acknowledged before they are durable, because what a crash loses of the
    /// write-ahead log is written again from another record, such as a raft log.
    case some
    /// All that are acknowledged. Only writes whose loss does no harm, such as deletes of what is not needed, are
    /// not synced.
    case most
    /// Every write.
    case all
  }

  /// Bytes of the block cache, which all families share.
  package var blockCacheBytes = 256 << 20
  /// Bytes of one memtable of the families default and write; those of lock and raft have half.
  package var writeBufferBytes = 64 << 20
  /// Threads for flushes and compactions.
  package var maxBackgroundJobs: Int32 = 3
  /// Open SST files; -1: no limit.
  package var maxOpenFiles: Int32 = 4096
  /// Bytes of the write-ahead logs above which families with the oldest unflushed data are flushed.
  package var maxTotalWALBytes: UInt64 = 1 << 30
  /// Of the families default and write; lock and raft are not compressed.
  package var compression = Compression.lz4
  /// Of the last level; nil: `compression`.
  package var bottommostCompression: Compression?
  /// Opens without the lock, beside a process that writes. Every write throws.
  package var readOnly = false
  /// Whether a missing database is created. Otherwise it is an error.
  package var createIfMissing = true
  /// Which writes the owner syncs. It decides whether a database with a damaged write-ahead log is refused; see
  /// `DBOptions.syncedWrites`.
  package var syncedWrites = SyncedWrites.some
  /// Called at the start of each compaction of user data, on a thread of RocksDB; the result is called for its values
  /// and returns whether the value is dropped. Nil: all values are kept.
  package var droppedValues: (@Sendable () -> @Sendable (_ value: RawSpan) -> Bool)?

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
    if let droppedValues, ColumnFamily.data.contains(family) {
      options.compactionFilter = CompactionFilter(begin: droppedValues)
    }
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
