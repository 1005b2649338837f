import RocksDB

/// Options of a log database. Entries are written once, mostly read from memory, and deleted soon: so write buffers
/// are large, and there is no compression and no Bloom filter.
package struct RocksDBLogStoreOptions: Sendable {
  /// Bytes of one memtable; there are up to six.
  package var writeBufferBytes = 64 << 20
  /// Bytes of the block cache. Small: entries are read again only for slow followers and after a restart.
  package var blockCacheBytes = 16 << 20
  /// Threads for flushes and compactions.
  package var maxBackgroundJobs: Int32 = 2
  package var maxOpenFiles: Int32 = 512
  /// Bytes of a `LogBatch` (`byteSize`) above which a write throws `batchTooLarge`.
  package var maxBatchBytes = 512 << 20
  /// Bytes below which `purge()` returns no advice.
  package var adviceThresholdBytes: UInt64 = 1 << 30
  /// Opens without the lock, beside a process that writes. The index is that of the time of opening. Every write
  /// throws.
  package var readOnly = false
  /// Whether a missing database is created. Otherwise it is an error.
  package var createIfMissing = true

  /// Whether the database has the column families of a `TableLog`, which are created if they are missing. A database that
  /// has them is opened with them in any case.
  package var tableLog = false

  package init() {}

  var database: DBOptions {
    var options = DBOptions()
    options.createIfMissing = createIfMissing && !readOnly
    // Deletions of `purge` are not synced: they may be undone by a crash.
    options.syncedWrites = .most
    options.maxBackgroundJobs = maxBackgroundJobs
    options.maxOpenFiles = maxOpenFiles
    options.maxTotalWALSize = UInt64(writeBufferBytes) * 8
    return options
  }

  var family: FamilyOptions {
    var options = FamilyOptions()
    options.writeBufferSize = writeBufferBytes
    options.maxWriteBuffers = 6
    options.blockCache = BlockCache(bytes: blockCacheBytes)
    options.bloomBitsPerKey = 0
    options.blockSize = 64 << 10
    options.targetFileSize = 64 << 20
    options.maxBytesForLevelBase = 512 << 20
    return options
  }

  /// Opens the database at `path`, with the column families of tables if it has them or is to have them.
  func open(_ path: String) throws(RocksDBError) -> DB {
    do throws(RocksDBError) {
      return try open(path, tables: tableLog)
    } catch {
      // RocksDB requires that all families of a database are named.
      guard error.kind == .invalid, !tableLog,
        try DB.familyNames(path: path).contains(TableKeys.rows)
      else { throw error }
      return try open(path, tables: true)
    }
  }

  private func open(_ path: String, tables: Bool) throws(RocksDBError) -> DB {
    let names = ["default"] + (tables ? [TableKeys.rows, TableKeys.metadata] : [])
    return try DB(
      path: path, options: database, families: names.map { ($0, family) }, readOnly: readOnly)
  }
}
