import CRocksDB

/// The state of a database at one moment, kept until this is released.
// @unchecked: reads through one snapshot may run on many threads; RocksDB only reads these handles.
package final class DBSnapshot: @unchecked Sendable {
  let connection: DBHandle
  let handle: OpaquePointer
  let readOptions: OpaquePointer

  init(_ connection: DBHandle) {
    self.connection = connection
    handle = rocksdb_create_snapshot(connection.handle)
    readOptions = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(readOptions, handle)
  }

  deinit {
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_release_snapshot(connection.handle, handle)
  }
}
