import CRocksDB

/// Changes that are written together.
// @unchecked: nothing but this value reaches the handle, and it cannot be copied.
package struct DBWriteBatch: ~Copyable, @unchecked Sendable {
  let handle: OpaquePointer

  package init() {
    handle = rocksdb_writebatch_create()
  }

  deinit { rocksdb_writebatch_destroy(handle) }

  package var count: Int { Int(rocksdb_writebatch_count(handle)) }

  /// Forgets the changes and keeps the memory.
  package mutating func clear() { rocksdb_writebatch_clear(handle) }

  package mutating func put(_ family: DBColumnFamily, _ key: RawSpan, _ value: RawSpan) {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        rocksdb_writebatch_put_cf(
          handle, family.handle, key.chars, key.count, value.chars, value.count)
      }
    }
  }

  package mutating func put(_ family: DBColumnFamily, _ key: [UInt8], _ value: [UInt8]) {
    put(family, key.span.bytes, value.span.bytes)
  }

  /// Puts a value that lies in two pieces.
  package mutating func put(
    _ family: DBColumnFamily, _ key: RawSpan, _ head: RawSpan, _ tail: RawSpan
  ) {
    key.withUnsafeBytes { key in
      head.withUnsafeBytes { head in
        tail.withUnsafeBytes { tail in
          rocksdb_writebatch_putv_cf(
            handle, family.handle, 1, [key.chars], [key.count], 2, [head.chars, tail.chars],
            [head.count, tail.count])
        }
      }
    }
  }

  package mutating func delete(_ family: DBColumnFamily, _ key: RawSpan) {
    key.withUnsafeBytes {
      rocksdb_writebatch_delete_cf(handle, family.handle, $0.chars, $0.count)
    }
  }

  package mutating func delete(_ family: DBColumnFamily, _ key: [UInt8]) {
    delete(family, key.span.bytes)
  }

  /// Deletes `[from, to)`. RocksDB refuses the whole batch when the range is reversed.
  package mutating func deleteRange(_ family: DBColumnFamily, _ from: RawSpan, _ to: RawSpan) {
    from.withUnsafeBytes { from in
      to.withUnsafeBytes { to in
        rocksdb_writebatch_delete_range_cf(
          handle, family.handle, from.chars, from.count, to.chars, to.count)
      }
    }
  }

  package mutating func deleteRange(_ family: DBColumnFamily, _ from: [UInt8], _ to: [UInt8]) {
    deleteRange(family, from.span.bytes, to.span.bytes)
  }
}
