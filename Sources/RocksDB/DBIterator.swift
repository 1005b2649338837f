import CRocksDB

/// A position in an ordered range of keys, at one state of the database. For one thread at a time.
///
/// A new iterator is not valid until a seek. A failed read makes it invalid, as the end of the range does;
/// `finish()` distinguishes the two.
package struct DBIterator: ~Copyable {
  private let dbHandle: DBHandle
  private let snapshot: DBSnapshot?
  private let handle: OpaquePointer
  private let options: OpaquePointer
  /// Copies of the bounds. RocksDB keeps pointers to them for as long as the iterator exists.
  private let bounds: [UnsafeMutableRawBufferPointer]

  init(
    _ family: DBColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, at snapshot: DBSnapshot?,
    fillCache: Bool, readahead: Int, memtablesOnly: Bool
  ) {
    dbHandle = family.dbHandle
    self.snapshot = snapshot
    options = rocksdb_readoptions_create()
    if let snapshot { rocksdb_readoptions_set_snapshot(options, snapshot.handle) }
    rocksdb_readoptions_set_fill_cache(options, fillCache ? 1 : 0)
    if memtablesOnly { rocksdb_readoptions_set_read_tier(options, Self.memtableTier) }
    if readahead > 0 { rocksdb_readoptions_set_readahead_size(options, readahead) }
    var bounds: [UnsafeMutableRawBufferPointer] = []
    if let lower {
      let bound = Self.pin(lower)
      bounds.append(bound)
      rocksdb_readoptions_set_iterate_lower_bound(
        options, UnsafeRawBufferPointer(bound).chars, lower.count)
    }
    if let upper {
      let bound = Self.pin(upper)
      bounds.append(bound)
      rocksdb_readoptions_set_iterate_upper_bound(
        options, UnsafeRawBufferPointer(bound).chars, upper.count)
    }
    self.bounds = bounds
    handle = rocksdb_create_iterator_cf(dbHandle.pointer, options, family.handle)
  }

  /// `kMemtableTier` of RocksDB's `ReadTier`, for which its C interface has no name.
  private static let memtableTier: Int32 = 3

  deinit {
    rocksdb_iter_destroy(handle)
    rocksdb_readoptions_destroy(options)
    bounds.forEach { $0.deallocate() }
  }

  /// A copy at a stable address, of one byte at least: to RocksDB a null pointer means no bound.
  private static func pin(_ bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
    copy.copyBytes(from: bytes)
    return copy
  }

  /// Whether the iterator is at a pair. False at the end of the range and after an error.
  package var isValid: Bool { rocksdb_iter_valid(handle) != 0 }

  /// Moves to the first key of the range.
  package func seekToFirst() { rocksdb_iter_seek_to_first(handle) }
  /// Moves to the last key of the range.
  package func seekToLast() { rocksdb_iter_seek_to_last(handle) }

  /// Moves to the first key at or after `key`.
  package func seek(_ key: [UInt8]) {
    key.withUnsafeBytes { rocksdb_iter_seek(handle, $0.chars, $0.count) }
  }

  /// Moves to the last key at or before `key`.
  package func seekForPrev(_ key: [UInt8]) {
    key.withUnsafeBytes { rocksdb_iter_seek_for_prev(handle, $0.chars, $0.count) }
  }

  /// Moves to the next key. Traps if the iterator is not valid.
  package func next() {
    precondition(isValid, "next() of an iterator that is at its end")
    rocksdb_iter_next(handle)
  }

  /// Moves to the previous key. Traps if the iterator is not valid.
  package func prev() {
    precondition(isValid, "prev() of an iterator that is at its end")
    rocksdb_iter_prev(handle)
  }

  /// A copy of the key; empty if the iterator is not valid.
  package var key: [UInt8] { isValid ? [UInt8](rawKey) : [] }
  /// A copy of the value; empty if the iterator is not valid.
  package var value: [UInt8] { isValid ? [UInt8](rawValue) : [] }

  /// Calls `body` with the key in RocksDB's memory, without a copy; empty if the iterator is not valid.
  package func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    guard isValid else { return try body(RawSpan()) }
    return try body(RawSpan(_unsafeBytes: rawKey))
  }

  /// Calls `body` with the value in RocksDB's memory, without a copy; empty if the iterator is not valid.
  package func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    guard isValid else { return try body(RawSpan()) }
    return try body(RawSpan(_unsafeBytes: rawValue))
  }

  /// Throws the error that has made the iterator invalid, if there was one.
  package func finish() throws(RocksDBError) {
    try check("iterate") { rocksdb_iter_get_error(handle, $0) }
  }

  private var rawKey: UnsafeRawBufferPointer {
    var count = 0
    let start = rocksdb_iter_key(handle, &count)
    return UnsafeRawBufferPointer(start: start, count: count)
  }

  private var rawValue: UnsafeRawBufferPointer {
    var count = 0
    let start = rocksdb_iter_value(handle, &count)
    return UnsafeRawBufferPointer(start: start, count: count)
  }
}
