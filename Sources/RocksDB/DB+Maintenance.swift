import CRocksDB
import Glibc

// MARK: Durability and files

extension DB {
  /// Writes the memtables of these families to files. Returns when they are written.
  package func flush(_ families: [DBColumnFamily]) throws(RocksDBError) {
    let options = allocated(rocksdb_flushoptions_create())
    defer { rocksdb_flushoptions_destroy(options) }
    rocksdb_flushoptions_set_wait(options, 1)
    for family in families {
      let handle = handle(of: family)
      try dbHandle.writing { () throws(RocksDBError) in
        try check("flush \(family.name)") {
          rocksdb_flush_cf(dbHandle.pointer, options, handle, $0)
        }
      }
    }
  }

  /// Makes every write whose call has returned durable.
  package func syncWAL() throws(RocksDBError) {
    try dbHandle.writing { () throws(RocksDBError) in
      try check("sync write-ahead log") { rocksdb_flush_wal(dbHandle.pointer, 1, $0) }
    }
  }

  /// Rewrites the files of `[from, to]`; nil: no bound. Returns when it is done. RocksDB's own compactions go on
  /// meanwhile: without them it would have to stop writes.
  package func compactRange(_ family: DBColumnFamily, from: [UInt8]?, to: [UInt8]?) {
    let handle = handle(of: family)
    let options = allocated(rocksdb_compactoptions_create())
    defer { rocksdb_compactoptions_destroy(options) }
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0)
    Self.withOptional(from) { from in
      Self.withOptional(to) { to in
        rocksdb_compact_range_cf_opt(
          dbHandle.pointer, handle, options, from.chars, from.count, to.chars, to.count)
      }
    }
  }

  /// Deletes the files whose keys all lie in `[from, to)`.
  package func deleteFilesInRange(
    _ family: DBColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(RocksDBError) {
    // RocksDB's end is inclusive: pass a key below ours.
    guard let last = Self.below(to), !last.lexicographicallyPrecedes(from) else { return }
    let handle = handle(of: family)
    try check("delete files in range") { error in
      from.withUnsafeBytes { from in
        last.withUnsafeBytes { last in
          rocksdb_delete_file_in_range_cf(
            dbHandle.pointer, handle, from.chars, from.count, last.chars, last.count, error)
        }
      }
    }
  }

  /// Adds the pairs of SST files to one family, atomically; they replace stored ones. The ranges of the files must
  /// not overlap.
  ///
  /// - Parameter move: whether files are hard-linked into the database and their names removed. Otherwise they are
  ///   copied.
  package func ingest(
    _ family: DBColumnFamily, paths: [String], move: Bool
  ) throws(RocksDBError) {
    let options = allocated(rocksdb_ingestexternalfileoptions_create())
    defer { rocksdb_ingestexternalfileoptions_destroy(options) }
    rocksdb_ingestexternalfileoptions_set_move_files(options, move ? 1 : 0)
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_global_seqno(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(options, 1)
    let handle = handle(of: family)
    let names = CStrings(paths)
    try check("ingest \(paths.joined(separator: ", "))") { error in
      rocksdb_ingest_external_file_cf(
        dbHandle.pointer, handle, names.pointers, paths.count, options, error)
    }
  }

  /// Ingests one SST file, which stays at its path. It is hard-linked where the file system can, else copied. For
  /// empty databases only: ingesting into another one, RocksDB may write to the file.
  package func ingestShared(_ family: DBColumnFamily, path: String) throws(RocksDBError) {
    let name = self.path + "/shared.sst"
    guard link(path, name) == 0 else { return try ingest(family, paths: [path], move: false) }
    // Without effect after a successful ingestion, which removes the name.
    defer { unlink(name) }
    try ingest(family, paths: [name], move: true)
  }

  /// The SST files of all families.
  package func liveFiles() -> [DBFile] {
    guard let files = rocksdb_livefiles(dbHandle.pointer) else { return [] }
    defer { rocksdb_livefiles_destroy(files) }
    func key(
      _ read: (OpaquePointer?, Int32, UnsafeMutablePointer<Int>?) -> UnsafePointer<CChar>?,
      _ position: Int32
    ) -> [UInt8] {
      var count = 0
      guard let bytes = read(files, position, &count) else { return [] }
      return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }
    return (0..<rocksdb_livefiles_count(files)).map { position in
      DBFile(
        family: rocksdb_livefiles_column_family_name(files, position).map { String(cString: $0) }
          ?? "",
        smallest: key(rocksdb_livefiles_smallestkey, position),
        largest: key(rocksdb_livefiles_largestkey, position),
        entries: rocksdb_livefiles_entries(files, position),
        deletions: rocksdb_livefiles_deletions(files, position))
    }
  }

  /// A key close below `key`: keys between them have to be longer by 16 bytes `ff`. Nil for the empty key.
  static func below(_ key: [UInt8]) -> [UInt8]? {
    guard let last = key.last else { return nil }
    let head = Array(key.dropLast())
    return last == 0 ? head : head + [last - 1] + [UInt8](repeating: 0xff, count: 16)
  }

  private static func withOptional(_ key: [UInt8]?, _ body: (UnsafeRawBufferPointer) -> Void) {
    guard let key else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    key.withUnsafeBytes(body)
  }
}

// MARK: Sizes and properties

extension DB {
  /// About the bytes of `[from, to)` in files. Memtables do not count.
  package func approximateSize(
    _ family: DBColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(RocksDBError) -> UInt64 {
    let handle = handle(of: family)
    var size: UInt64 = 0
    try check("approximate size") { error in
      from.withUnsafeBytes { from in
        to.withUnsafeBytes { to in
          rocksdb_approximate_sizes_cf(
            dbHandle.pointer, handle, 1, [from.chars], [from.count], [to.chars], [to.count],
            &size, error)
        }
      }
    }
    return size
  }

  /// What compression does to a family's files, from the properties of all its tables; nil without a table.
  /// Reads the properties of each table once and takes them from RocksDB's table cache afterwards.
  package func compression(_ family: DBColumnFamily) -> DBCompression? {
    text("rocksdb.aggregated-table-properties", family).flatMap(DBCompression.init)
  }

  /// The value of a numeric property; nil if RocksDB does not have it.
  package func property(_ name: String, _ family: DBColumnFamily) -> UInt64? {
    var value: UInt64 = 0
    guard rocksdb_property_int_cf(dbHandle.pointer, handle(of: family), name, &value) == 0
    else { return nil }
    return value
  }

  /// The value of a property as text; nil if RocksDB does not have it.
  package func text(_ name: String, _ family: DBColumnFamily) -> String? {
    guard let text = rocksdb_property_value_cf(dbHandle.pointer, handle(of: family), name)
    else { return nil }
    defer { rocksdb_free(text) }
    return String(cString: text)
  }

  /// The sequence number of the last change.
  package var latestSequence: UInt64 { rocksdb_get_latest_sequence_number(dbHandle.pointer) }
}

/// Copies of an open database.
package enum Checkpoint {
  /// Creates a copy that can be opened by itself, by hard links where possible. `path` must not exist.
  package static func create(of database: DB, at path: String) throws(RocksDBError) {
    let operation = "checkpoint \(database.path) to \(path)"
    let object = try check(operation) {
      rocksdb_checkpoint_object_create(database.dbHandle.pointer, $0)
    }
    guard let object else {
      throw RocksDBError(operation: operation, message: "no checkpoint and no error")
    }
    defer { rocksdb_checkpoint_object_destroy(object) }
    try check(operation) { rocksdb_checkpoint_create(object, path, 0, $0) }
  }
}

/// What RocksDB says of one SST file.
package struct DBFile: Sendable, Hashable {
  /// The name of its column family.
  package var family: String
  /// Bounds of range deletions count as keys.
  package var smallest: [UInt8]
  package var largest: [UInt8]
  /// Values and deletions; 0 if RocksDB has not read the properties of the file yet.
  package var entries: UInt64
  /// Deletions of single keys and of ranges.
  package var deletions: UInt64
}

/// Sizes of all tables of a family, before and after compression.
package struct DBCompression: Sendable, Hashable {
  /// Bytes of keys and values as they were added.
  package var rawBytes: UInt64
  /// Bytes of the data blocks that hold them, with their indexes and filters: RocksDB counts a share of those for each
  /// range whose size it estimates.
  package var blockBytes: UInt64

  /// Parses the text of `rocksdb.aggregated-table-properties`: `name=value` parts separated by `; `. Nil if one of
  /// the three sizes is missing or no block has data.
  init?(tableProperties text: String) {
    var found: [Substring: UInt64] = [:]
    var overhead: UInt64 = 0
    for part in text.split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, let value = UInt64(pair[1].trimmingPrefix(" ")) else { continue }
      let name = pair[0].trimmingPrefix(" ")
      found[name] = value
      // The name of the former goes on with how indexes are encoded.
      if name.hasPrefix("index block size") || name == "filter block size" { overhead &+= value }
    }
    guard let keys = found["raw key size"], let values = found["raw value size"],
      let blocks = found["data block size"], blocks > 0
    else { return nil }
    let raw = keys.addingReportingOverflow(values)
    let all = blocks.addingReportingOverflow(overhead)
    if raw.overflow || all.overflow { return nil }
    rawBytes = raw.partialValue
    blockBytes = all.partialValue
  }
}
