import CRocksDB
import Glibc

// MARK: Durability and files

extension DB {
  /// Writes the memtables of these families to files, and waits for it.
  package func flush(_ families: [DBColumnFamily]) throws(RocksDBError) {
    guard let options = rocksdb_flushoptions_create() else { return }
    defer { rocksdb_flushoptions_destroy(options) }
    rocksdb_flushoptions_set_wait(options, 1)
    for family in families {
      let handle = handle(of: family)
      try connection.writing { () throws(RocksDBError) in
        try check("flush \(family.name)") {
          rocksdb_flush_cf(connection.handle, options, handle, $0)
        }
      }
    }
  }

  /// Makes everything in the write-ahead log durable.
  package func syncWAL() throws(RocksDBError) {
    try connection.writing { () throws(RocksDBError) in
      try check("sync write-ahead log") { rocksdb_flush_wal(connection.handle, 1, $0) }
    }
  }

  /// Rewrites the files of `[from, to]`; nil leaves a side open.
  package func compactRange(_ family: DBColumnFamily, from: [UInt8]?, to: [UInt8]?) {
    let handle = handle(of: family)
    Self.withOptional(from) { from in
      Self.withOptional(to) { to in
        rocksdb_compact_range_cf(
          connection.handle, handle, from.chars, from.count, to.chars, to.count)
      }
    }
  }

  /// Drops the files whose keys all lie in `[from, to)`.
  package func deleteFilesInRange(
    _ family: DBColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(RocksDBError) {
    // RocksDB includes the end: give it one that is surely below ours.
    guard let last = Self.below(to), !last.lexicographicallyPrecedes(from) else { return }
    let handle = handle(of: family)
    try check("delete files in range") { error in
      from.withUnsafeBytes { from in
        last.withUnsafeBytes { last in
          rocksdb_delete_file_in_range_cf(
            connection.handle, handle, from.chars, from.count, last.chars, last.count, error)
        }
      }
    }
  }

  /// Ingests sorted files of one family over what is stored. Their ranges must not overlap. With
  /// `move` the files are linked into the database and their names removed, else they are copied.
  package func ingest(
    _ family: DBColumnFamily, paths: [String], move: Bool
  ) throws(RocksDBError) {
    guard let options = rocksdb_ingestexternalfileoptions_create() else { return }
    defer { rocksdb_ingestexternalfileoptions_destroy(options) }
    rocksdb_ingestexternalfileoptions_set_move_files(options, move ? 1 : 0)
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_global_seqno(options, 1)
    rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(options, 1)
    let handle = handle(of: family)
    let names = CStrings(paths)
    try check("ingest \(paths.joined(separator: ", "))") { error in
      rocksdb_ingest_external_file_cf(
        connection.handle, handle, names.pointers, paths.count, options, error)
    }
  }

  /// Ingests one sorted file and leaves it where it is, without a copy where the file system has hard links.
  /// For databases that are empty: into others RocksDB may write to the file.
  package func ingestShared(_ family: DBColumnFamily, path: String) throws(RocksDBError) {
    let name = self.path + "/shared.sst"
    guard link(path, name) == 0 else { return try ingest(family, paths: [path], move: false) }
    // Gone already where it was taken in.
    defer { unlink(name) }
    try ingest(family, paths: [name], move: true)
  }

  /// The smallest and the largest key of each sorted file of all families, the ends of range deletions among
  /// them.
  package func fileBounds() -> [(smallest: [UInt8], largest: [UInt8])] {
    guard let files = rocksdb_livefiles(connection.handle) else { return [] }
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
      (key(rocksdb_livefiles_smallestkey, position), key(rocksdb_livefiles_largestkey, position))
    }
  }

  /// A key that sorts below `key` with nearly nothing between them; nil for the empty key.
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
  /// About how many bytes of files `[from, to)` takes; memtables do not count.
  package func approximateSize(
    _ family: DBColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(RocksDBError) -> UInt64 {
    let handle = handle(of: family)
    var size: UInt64 = 0
    try check("approximate size") { error in
      from.withUnsafeBytes { from in
        to.withUnsafeBytes { to in
          rocksdb_approximate_sizes_cf(
            connection.handle, handle, 1, [from.chars], [from.count], [to.chars], [to.count],
            &size, error)
        }
      }
    }
    return size
  }

  /// A property that is a number; nil when RocksDB does not know it.
  package func property(_ name: String, _ family: DBColumnFamily) -> UInt64? {
    var value: UInt64 = 0
    guard rocksdb_property_int_cf(connection.handle, handle(of: family), name, &value) == 0
    else { return nil }
    return value
  }

  /// A property in words; nil when RocksDB does not know it.
  package func text(_ name: String, _ family: DBColumnFamily) -> String? {
    guard let text = rocksdb_property_value_cf(connection.handle, handle(of: family), name)
    else { return nil }
    defer { rocksdb_free(text) }
    return String(cString: text)
  }

  /// The number of the last change.
  package var latestSequence: UInt64 { rocksdb_get_latest_sequence_number(connection.handle) }
}

/// Makes copies of an open database that open alone, by hard links where it can.
package enum Checkpoint {
  /// `path` must not exist yet.
  package static func create(of database: DB, at path: String) throws(RocksDBError) {
    let operation = "checkpoint \(database.path) to \(path)"
    let object = try check(operation) {
      rocksdb_checkpoint_object_create(database.connection.handle, $0)
    }
    guard let object else {
      throw RocksDBError(operation: operation, message: "no checkpoint and no error")
    }
    defer { rocksdb_checkpoint_object_destroy(object) }
    try check(operation) { rocksdb_checkpoint_create(object, path, 0, $0) }
  }
}
