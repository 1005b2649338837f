import CRocksDB

/// How a database as a whole is run. The values here are RocksDB's settings of the same names.
package struct DBOptions: Sendable {
  /// What recovery does where the write-ahead log does not read cleanly.
  package enum WALRecovery: Int32, Sendable {
    /// A broken record at the very end is dropped, one elsewhere is an error.
    case tolerateTail = 0
    /// Any broken record is an error.
    case absolute = 1
    /// Recovery stops at the first broken record: the state of one moment.
    case pointInTime = 2
  }

  /// What goes to RocksDB's own `LOG`.
  package enum InfoLog: Int32, Sendable {
    case debug = 0
    case info, warn, error, fatal
  }

  /// Which writes return after they are on disk.
  package enum SyncedWrites: Sendable {
    /// Not all that count: what a broken write-ahead log loses is written again by someone else.
    case some
    /// All but those that may be lost without harm.
    case most
    case all
  }

  package var createIfMissing = true
  /// With `most` or `all`, a database is refused as corrupted when its write-ahead log is damaged before
  /// intact records: recovery would drop those, which were acknowledged. `some` leaves it to `walRecovery`.
  package var syncedWrites = SyncedWrites.some
  /// Refuses to open a directory that already holds a database.
  package var errorIfExists = false
  package var maxBackgroundJobs: Int32 = 3
  /// -1 keeps all files open.
  package var maxOpenFiles: Int32 = 1024
  /// Past this, families whose data the oldest log holds are flushed; 0 leaves it to RocksDB.
  package var maxTotalWALSize: UInt64 = 0
  /// Old logs kept for being overwritten, so that a sync moves no file metadata. RocksDB 7.8 does
  /// without, whatever this says, under every kind of recovery offered above.
  package var recycledWALs: Int = 0
  package var walRecovery = WALRecovery.pointInTime
  package var bytesPerSync: UInt64 = 1 << 20
  package var walBytesPerSync: UInt64 = 0
  package var infoLog = InfoLog.warn
  package var keepInfoLogs: Int = 3
  package var maxInfoLogBytes: Int = 8 << 20
  package var pipelinedWrite = false
  /// Deletes files in the background instead of in whatever call releases them last.
  package var avoidBlockingIO = true

  package init() {}
}

/// A cache of file blocks that databases may share.
// @unchecked: RocksDB's cache synchronizes itself, and the handle never changes.
package final class BlockCache: @unchecked Sendable {
  let handle: OpaquePointer

  package init(bytes: Int) {
    handle = rocksdb_cache_create_lru(bytes)
  }

  deinit { rocksdb_cache_destroy(handle) }

  /// Bytes held now.
  package var usage: Int { rocksdb_cache_get_usage(handle) }
}
