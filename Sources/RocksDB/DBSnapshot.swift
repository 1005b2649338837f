import CRocksDB

/// The state of a database at one moment, readable until the object is released.
// @unchecked: reads through one snapshot may run on many threads; RocksDB only reads these handles.
package final class DBSnapshot: @unchecked Sendable {
  let dbHandle: DBHandle
  let handle: OpaquePointer
  let readOptions: OpaquePointer

  init(_ dbHandle: DBHandle) {
    self.dbHandle = dbHandle
    handle = rocksdb_create_snapshot(dbHandle.pointer)
    readOptions = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(readOptions, handle)
  }

  deinit {
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_release_snapshot(dbHandle.pointer, handle)
  }
}
