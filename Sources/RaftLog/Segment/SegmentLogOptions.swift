/// Options of a segment log.
package struct SegmentLogOptions: Sendable {
  /// How a log is opened.
  package enum Mode: Sendable {
    /// Damage is an error, and nothing is changed.
    case strict
    /// Regions that damage has touched are fenced: reading or writing one throws `corrupted`, until it is destroyed.
    /// All others are as they were. The replicas of the fenced regions must be replaced.
    case salvage
    /// Without the lock, beside a process that writes. The contents are those of the time of opening; every write
    /// throws.
    case readOnly
  }

  package var mode = Mode.strict
  /// Whether a missing log is created. Otherwise it is an error.
  package var createIfMissing = true
  /// Bytes of a file. Larger only for a batch that is larger.
  package var segmentBytes = 64 << 20
  /// Bytes of a `LogBatch` (`byteSize`) above which a write throws `batchTooLarge`. At most 1 GiB.
  package var maxBatchBytes = 512 << 20
  /// Bytes of batches that are written with one call; more wait for the next.
  package var maxGroupBytes = 4 << 20
  /// Bytes of a batch's entries from which on they are compressed.
  package var compressionThreshold = 8 << 10
  /// Bytes of payloads kept in memory for reading, the newest.
  package var cacheBytes = 32 << 20
  /// Bytes of files above which `purge()` returns advice.
  package var softBudgetBytes: UInt64 = 4 << 30
  /// Bytes of files above which `purge()` copies entries out of the files that hold the fewest, to free them.
  package var hardBudgetBytes: UInt64 = 8 << 30
  /// Bytes of entries that one `purge()` copies at most.
  package var rewriteBytesPerPurge: UInt64 = 64 << 20
  /// Unused files that are kept, zeroed or written before, so that a new file costs no allocation. The last one is
  /// reserved for freeing space when the disk is full.
  package var spareFiles = 2
  /// Varies the salts of files. The salts of one log differ in any case.
  package var seed: UInt64 = 0
  /// Encrypts new files and reads encrypted ones; nil: new files are plain.
  package var keys: (any SegmentKeys)?

  package init() {}
}
