/// Options of one column family: RocksDB's of the same names.
package struct FamilyOptions: Sendable {
  /// Compression algorithms, with RocksDB's numbers.
  package enum Compression: Int32, Sendable {
    case none = 0
    case snappy = 1
    case lz4 = 4
    case zstd = 7
  }

  /// Bytes of one memtable. RocksDB's default.
  package var writeBufferSize = 64 << 20
  /// Memtables, those being flushed included. Writes stall when all are full.
  package var maxWriteBuffers: Int32 = 4
  package var compression = Compression.none
  /// Compression of the last level; nil: that of the others.
  package var bottommostCompression: Compression?
  /// Nil: a small cache of its own.
  package var blockCache: BlockCache?
  /// Bytes of a block of an SST file before compression.
  package var blockSize = 16 << 10
  /// Bits per key of the Bloom filter; 0: no filter. With 10, one in a hundred lookups of a missing key reads a block.
  package var bloomBitsPerKey = 10.0
  /// Whether the filter contains whole keys.
  package var wholeKeyFiltering = true
  /// Whether index and filter blocks are in the block cache and so count for its size.
  package var cacheIndexAndFilter = true
  /// Whether those of level 0 are never evicted.
  package var pinL0FilterAndIndex = true
  /// Whether data blocks have a hash index, for keys that are mostly read one by one.
  package var pointLookup = false
  /// The share of the memtable that its Bloom filter takes; 0: no filter.
  package var memtableBloomRatio = 0.0
  /// Bytes of an SST file.
  package var targetFileSize: UInt64 = 32 << 20
  /// Bytes of level 1; each further level has ten times as much.
  package var maxBytesForLevelBase: UInt64 = 256 << 20
  /// Whether level sizes follow the size of the last level, which bounds space amplification.
  package var dynamicLevelBytes = true
  /// Files of level 0 at which a compaction starts, writes are slowed down, and writes stop. RocksDB's defaults.
  package var level0CompactionTrigger: Int32 = 4
  package var level0SlowdownTrigger: Int32 = 20
  package var level0StopTrigger: Int32 = 36
  /// Whether compactions start by themselves.
  package var autoCompaction = true
  /// Nil: compactions keep all values.
  package var compactionFilter: CompactionFilter?

  package init() {}
}
