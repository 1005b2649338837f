import CRocksDB

/// Changes that are written atomically, in order: a `rocksdb_writebatch_t`.
// @unchecked: nothing but this value reaches the handle, and it cannot be copied.
package struct DBWriteBatch: ~Copyable, @unchecked Sendable {
  let handle: OpaquePointer

  package init() {
    handle = rocksdb_writebatch_create()
  }

  deinit { rocksdb_writebatch_destroy(handle) }

  /// The number of changes.
  package var count: Int { Int(rocksdb_writebatch_count(handle)) }

  /// Removes all changes and keeps the memory.
  package mutating func clear() { rocksdb_writebatch_clear(handle) }

  /// Stores `value` under `key`; copies the bytes.
  package mutating func put(_ family: DBColumnFamily, _ key: RawSpan, _ value: RawSpan) {
    key.withUnsafeBytes { key in
      value.withUnsafeBytes { value in
        rocksdb_writebatch_put_cf(
          handle, family.handle, key.chars, key.count, value.chars, value.count)
      }
    }
  }

  /// Stores `value` under `key`.
  package mutating func put(_ family: DBColumnFamily, _ key: [UInt8], _ value: [UInt8]) {
    put(family, key.span.bytes, value.span.bytes)
  }

  /// Stores the concatenation of `head` and `tail` under `key`; copies the bytes.
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

  /// Deletes the value under `key`. Without effect if there is none.
  package mutating func delete(_ family: DBColumnFamily, _ key: RawSpan) {
    key.withUnsafeBytes {
      rocksdb_writebatch_delete_cf(handle, family.handle, $0.chars, $0.count)
    }
  }

  /// Deletes the value under `key`. Without effect if there is none.
  package mutating func delete(_ family: DBColumnFamily, _ key: [UInt8]) {
    delete(family, key.span.bytes)
  }

  /// Deletes `[from, to)`. A reversed range makes the write of the whole batch throw `invalid`.
  package mutating func deleteRange(_ family: DBColumnFamily, _ from: RawSpan, _ to: RawSpan) {
    from.withUnsafeBytes { from in
      to.withUnsafeBytes { to in
        rocksdb_writebatch_delete_range_cf(
          handle, family.handle, from.chars, from.count, to.chars, to.count)
      }
    }
  }

  /// Deletes `[from, to)`. A reversed range makes the write of the whole batch throw `invalid`.
  package mutating func deleteRange(_ family: DBColumnFamily, _ from: [UInt8], _ to: [UInt8]) {
    deleteRange(family, from.span.bytes, to.span.bytes)
  }
}
