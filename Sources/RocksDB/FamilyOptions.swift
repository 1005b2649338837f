/// How one column family is kept. The values here are RocksDB's settings of the same names.
package struct FamilyOptions: Sendable {
  /// RocksDB's number of a compression.
  package enum Compression: Int32, Sendable {
    case none = 0
    case snappy = 1
    case lz4 = 4
    case zstd = 7
  }

  package var writeBufferSize = 64 << 20
  package var maxWriteBuffers: Int32 = 4
  package var compression = Compression.none
  /// Of the last level; nil: as the others.
  package var bottommostCompression: Compression?
  /// Nil: a small cache of the family's own.
  package var blockCache: BlockCache?
  package var blockSize = 16 << 10
  /// 0: no filter.
  package var bloomBitsPerKey = 10.0
  package var wholeKeyFiltering = true
  /// Index and filter blocks live in the block cache, within its bound.
  package var cacheIndexAndFilter = true
  package var pinL0FilterAndIndex = true
  /// A hash index in data blocks, for keys that are mostly read one by one.
  package var pointLookup = false
  /// Share of the write buffer given to a filter over it; 0: none.
  package var memtableBloomRatio = 0.0
  package var targetFileSize: UInt64 = 32 << 20
  package var maxBytesForLevelBase: UInt64 = 256 << 20
  package var dynamicLevelBytes = true
  package var level0CompactionTrigger: Int32 = 4
  package var level0SlowdownTrigger: Int32 = 20
  package var level0StopTrigger: Int32 = 36
  package var autoCompaction = true

  package init() {}
}
