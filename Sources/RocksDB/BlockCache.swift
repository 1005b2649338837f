import CRocksDB

/// A cache of file blocks that databases may share.
// @unchecked: RocksDB's cache synchronises itself, and the handle never changes.
package final class BlockCache: @unchecked Sendable {
  let handle: OpaquePointer

  package init(bytes: Int) {
    handle = rocksdb_cache_create_lru(bytes)
  }

  deinit { rocksdb_cache_destroy(handle) }

  /// Bytes held now.
  package var usage: Int { rocksdb_cache_get_usage(handle) }
}
