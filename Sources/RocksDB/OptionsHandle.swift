import CRocksDB
import Glibc

/// A `rocksdb_options_t` with the values of `DBOptions` and `FamilyOptions`, for the duration of a call.
struct OptionsHandle: ~Copyable {
  let handle: OpaquePointer

  init(_ database: DBOptions, _ family: FamilyOptions) {
    handle = rocksdb_options_create()
    apply(database)
    apply(family)
    applyTable(family)
  }

  /// A pointer that the caller must destroy.
  static func copied(_ database: DBOptions, _ family: FamilyOptions) -> OpaquePointer {
    let options = OptionsHandle(database, family)
    return rocksdb_options_create_copy(options.handle)
  }

  deinit { rocksdb_options_destroy(handle) }

  private borrowing func apply(_ options: DBOptions) {
    rocksdb_options_set_create_if_missing(handle, options.createIfMissing ? 1 : 0)
    rocksdb_options_set_create_missing_column_families(handle, options.createIfMissing ? 1 : 0)
    rocksdb_options_set_error_if_exists(handle, options.errorIfExists ? 1 : 0)
    rocksdb_options_set_paranoid_checks(handle, 1)
    rocksdb_options_set_max_background_jobs(handle, options.maxBackgroundJobs)
    rocksdb_options_set_max_open_files(handle, options.maxOpenFiles)
    rocksdb_options_set_max_total_wal_size(handle, options.maxTotalWALSize)
    rocksdb_options_set_recycle_log_file_num(handle, options.recycledWALs)
    rocksdb_options_set_wal_recovery_mode(handle, options.walRecovery.rawValue)
    rocksdb_options_set_bytes_per_sync(handle, options.bytesPerSync)
    rocksdb_options_set_wal_bytes_per_sync(handle, options.walBytesPerSync)
    rocksdb_options_set_info_log_level(handle, options.infoLog.rawValue)
    rocksdb_options_set_keep_log_file_num(handle, options.keepInfoLogs)
    rocksdb_options_set_max_log_file_size(handle, options.maxInfoLogBytes)
    rocksdb_options_set_enable_pipelined_write(handle, options.pipelinedWrite ? 1 : 0)
    rocksdb_options_set_avoid_unnecessary_blocking_io(handle, options.avoidBlockingIO ? 1 : 0)
    rocksdb_options_set_stats_dump_period_sec(handle, 0)
    rocksdb_options_set_stats_persist_period_sec(handle, 0)
  }

  private borrowing func apply(_ options: FamilyOptions) {
    rocksdb_options_set_write_buffer_size(handle, options.writeBufferSize)
    rocksdb_options_set_max_write_buffer_number(handle, options.maxWriteBuffers)
    rocksdb_options_set_compression(handle, options.compression.rawValue)
    if let bottommost = options.bottommostCompression {
      rocksdb_options_set_bottommost_compression(handle, bottommost.rawValue)
    }
    rocksdb_options_set_target_file_size_base(handle, options.targetFileSize)
    rocksdb_options_set_max_bytes_for_level_base(handle, options.maxBytesForLevelBase)
    rocksdb_options_set_level_compaction_dynamic_level_bytes(
      handle, options.dynamicLevelBytes ? 1 : 0)
    rocksdb_options_set_level0_file_num_compaction_trigger(
      handle, options.level0CompactionTrigger)
    rocksdb_options_set_level0_slowdown_writes_trigger(handle, options.level0SlowdownTrigger)
    rocksdb_options_set_level0_stop_writes_trigger(handle, options.level0StopTrigger)
    rocksdb_options_set_disable_auto_compactions(handle, options.autoCompaction ? 0 : 1)
    if let filter = options.compactionFilter {
      rocksdb_options_set_compaction_filter_factory(handle, filter.makeFactory())
    }
    if options.memtableBloomRatio > 0 {
      rocksdb_options_set_memtable_prefix_bloom_size_ratio(handle, options.memtableBloomRatio)
      rocksdb_options_set_memtable_whole_key_filtering(handle, 1)
    }
  }

  private borrowing func applyTable(_ options: FamilyOptions) {
    let table = allocated(rocksdb_block_based_options_create())
    defer { rocksdb_block_based_options_destroy(table) }
    rocksdb_block_based_options_set_block_size(table, options.blockSize)
    rocksdb_block_based_options_set_format_version(table, 5)
    if let cache = options.blockCache {
      rocksdb_block_based_options_set_block_cache(table, cache.handle)
    }
    if options.bloomBitsPerKey > 0 {
      // The table options own the filter policy.
      rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(options.bloomBitsPerKey))
    }
    rocksdb_block_based_options_set_whole_key_filtering(table, options.wholeKeyFiltering ? 1 : 0)
    let cached: UInt8 = options.cacheIndexAndFilter ? 1 : 0
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, cached)
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, cached)
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(
      table, options.pinL0FilterAndIndex ? 1 : 0)
    if options.pointLookup {
      rocksdb_block_based_options_set_data_block_index_type(
        table, Int32(rocksdb_block_based_table_data_block_index_type_binary_search_and_hash))
    }
    rocksdb_options_set_block_based_table_factory(handle, table)
  }
}

/// C copies of strings, for functions that take an array of them.
struct CStrings: ~Copyable {
  let pointers: [UnsafePointer<CChar>?]

  init(_ strings: [String]) {
    pointers = strings.map { UnsafePointer(strdup($0)) }
  }

  deinit {
    pointers.forEach { free(UnsafeMutablePointer(mutating: $0)) }
  }
}

/// An object that RocksDB has created: nil only if an invariant of its C interface is broken, for it ends the process
/// when memory is short.
func allocated(_ object: OpaquePointer?) -> OpaquePointer {
  guard let object else { preconditionFailure("RocksDB has created nothing") }
  return object
}
