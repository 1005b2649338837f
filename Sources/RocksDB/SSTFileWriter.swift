import CRocksDB
import Glibc

/// Writes one SST file for `DB.ingest`, on one thread at a time. Released before `finish()`, it removes the file.
package final class SSTFileWriter {
  package let path: String
  private let options: OptionsHandle
  private let environment: OpaquePointer
  private let handle: OpaquePointer
  private var finished = false

  /// Creates the file, replacing one at `path`.
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

  /// Adds a pair. Keys must strictly ascend; otherwise throws `invalid`.
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

  /// Completes the file, syncs its contents and returns its size in bytes. Throws `invalid` if there is no pair.
  package func finish() throws(RocksDBError) -> UInt64 {
    try check("finish \(path)") { rocksdb_sstfilewriter_finish(handle, $0) }
    finished = true
    return fileSize
  }
}
