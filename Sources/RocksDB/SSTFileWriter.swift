import CRocksDB
import Glibc

/// Writes one sorted file for `ingest`. A file that is not finished is removed.
package final class SSTFileWriter {
  package let path: String
  private let options: OptionsHandle
  private let environment: OpaquePointer
  private let handle: OpaquePointer
  private var finished = false

  /// Starts a file in place of whatever is at `path`.
  package init(path: String, options family: FamilyOptions) throws(RocksDBError) {
    self.path = path
    options = OptionsHandle(DBOptions(), family)
    environment = rocksdb_envoptions_create()
    handle = rocksdb_sstfilewriter_create(environment, options.handle)
    try check("create \(path)") { rocksdb_sstfilewriter_open(handle, path, $0) }
  }

  deinit {
    rocksdb_sstfilewriter_destroy(handle)
    rocksdb_envoptions_destroy(environment)
    if !finished { _ = unlink(path) }
  }

  /// Adds a pair; keys must ascend strictly.
  package func put(_ key: RawSpan, _ value: RawSpan) throws(RocksDBError) {
    try check("write \(path)") { error in
      key.withUnsafeBytes { key in
        value.withUnsafeBytes { value in
          rocksdb_sstfilewriter_put(
            handle, key.chars, key.count, value.chars, value.count, error)
        }
      }
    }
  }

  /// Bytes written so far.
  package var fileSize: UInt64 {
    var size: UInt64 = 0
    rocksdb_sstfilewriter_file_size(handle, &size)
    return size
  }

  /// Completes the file and syncs it. RocksDB refuses a file without pairs.
  package func finish() throws(RocksDBError) -> UInt64 {
    try check("finish \(path)") { rocksdb_sstfilewriter_finish(handle, $0) }
    finished = true
    return fileSize
  }
}
