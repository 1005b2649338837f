import RocksDB

/// How a log database is tuned. Entries are written once, mostly read from memory, and deleted
/// before long: large write buffers, no compression, no filters.
package struct RocksDBLogStoreOptions: Sendable {
  package var writeBufferBytes = 64 << 20
  package var blockCacheBytes = 16 << 20
  package var maxBackgroundJobs: Int32 = 2
  package var maxOpenFiles: Int32 = 512
  package var maxBatchBytes = 512 << 20
  /// `purge()` gives no advice while the store takes less than this.
  package var adviceThresholdBytes: UInt64 = 1 << 30
  /// Reads what is there without taking the lock; every write throws.
  package var readOnly = false
  /// False: a directory without a log store is an error.
  package var createIfMissing = true

  package init() {}

  var database: DBOptions {
    var options = DBOptions()
    options.createIfMissing = createIfMissing && !readOnly
    // What is purged may come back.
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
}
