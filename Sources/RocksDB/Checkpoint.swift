import CRocksDB

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
