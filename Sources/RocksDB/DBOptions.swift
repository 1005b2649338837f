import CRocksDB

/// Options of a database: RocksDB's of the same names. Where no source is given the default is RocksDB's or differs
/// for the reason given.
package struct DBOptions: Sendable {
  /// What recovery does with a broken record of the write-ahead log.
  package enum WALRecovery: Int32, Sendable {
    /// A broken record at the end is dropped; one elsewhere is an error.
    case tolerateTail = 0
    /// Any broken record is an error.
    case absolute = 1
    /// Recovery stops at the first broken record and drops the rest.
    case pointInTime = 2
  }

  /// The minimum level of RocksDB's own log, `LOG`.
  package enum InfoLog: Int32, Sendable {
    case debug = 0
    case info, warn, error, fatal
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

  /// Whether a missing database and missing column families are created. Otherwise they are an error.
  package var createIfMissing = true
  /// With `most` or `all`, a database is refused as corrupted if its write-ahead log has intact records after a
  /// damaged one: recovery would drop them, and they were acknowledged. With `some`, `walRecovery` decides.
  package var syncedWrites = SyncedWrites.some
  /// Whether an existing database is an error.
  package var errorIfExists = false
  /// Threads for flushes and compactions.
  package var maxBackgroundJobs: Int32 = 3
  /// Open SST files; -1: no limit.
  package var maxOpenFiles: Int32 = 1024
  /// Bytes of the write-ahead logs above which families with data in the oldest one are flushed. 0: RocksDB's limit,
  /// four times all memtables.
  package var maxTotalWALSize: UInt64 = 0
  /// Old write-ahead logs kept to be overwritten, so that a sync writes no file metadata. RocksDB 7.8 ignores it
  /// with every recovery mode above.
  package var recycledWALs: Int = 0
  package var walRecovery = WALRecovery.pointInTime
  /// Bytes of an SST file after which its write-back is started, so that a sync at the end has little left. 0: never.
  /// TiKV's value.
  package var bytesPerSync: UInt64 = 1 << 20
  /// The same for write-ahead logs.
  package var walBytesPerSync: UInt64 = 0
  package var infoLog = InfoLog.warn
  /// Files of `LOG` that are kept.
  package var keepInfoLogs: Int = 3
  /// Bytes of one file of `LOG`.
  package var maxInfoLogBytes: Int = 8 << 20
  /// Whether the write-ahead log and the memtable are written in parallel by different threads. Of use with many
  /// concurrent writers only.
  package var pipelinedWrite = false
  /// Whether files are deleted in the background instead of in the call that releases them last.
  package var avoidBlockingIO = true

  package init() {}
}

/// A cache of file blocks that databases may share.
// @unchecked: RocksDB's cache synchronizes itself, and the handle never changes.
package final class BlockCache: @unchecked Sendable {
  let handle: OpaquePointer

  /// An LRU cache of `bytes` bytes.
  package init(bytes: Int) {
    handle = rocksdb_cache_create_lru(bytes)
  }

  deinit { rocksdb_cache_destroy(handle) }

  /// The bytes in use.
  package var usage: Int { rocksdb_cache_get_usage(handle) }
}
