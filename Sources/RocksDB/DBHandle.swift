import CRocksDB
import Synchronization

/// An open database and the C handles that must be destroyed before it. Everything created from a database holds
/// this object, so that RocksDB is closed after the last of them.
// @unchecked: RocksDB synchronizes all calls made through these handles, which never change.
final class DBHandle: @unchecked Sendable {
  let path: String
  /// The `rocksdb_t`.
  let pointer: OpaquePointer
  /// The column family handles, by position.
  let families: [OpaquePointer]
  /// The options of all reads outside of snapshots and iterators. Not changed after `init`.
  let readOptions: OpaquePointer
  /// Reads only memory and fails with `Incomplete` where a file would have to be read.
  let memoryReadOptions: OpaquePointer
  let bufferedWrite: OpaquePointer
  let syncedWrite: OpaquePointer

  /// `kBlockCacheTier` of RocksDB's `ReadTier`.
  private static let blockCacheTier: Int32 = 1

  /// The error of the first write or sync that has failed at the disk; nil if there was none. Never reset.
  private let failure = Mutex<RocksDBError?>(nil)
  /// Whether the files are removed when the database closes.
  private let temporary: Bool

  init(path: String, pointer: OpaquePointer, families: [OpaquePointer], temporary: Bool) {
    self.path = path
    self.temporary = temporary
    self.pointer = pointer
    self.families = families
    readOptions = rocksdb_readoptions_create()
    memoryReadOptions = rocksdb_readoptions_create()
    rocksdb_readoptions_set_read_tier(memoryReadOptions, Self.blockCacheTier)
    bufferedWrite = rocksdb_writeoptions_create()
    syncedWrite = rocksdb_writeoptions_create()
    rocksdb_writeoptions_set_sync(syncedWrite, 1)
  }

  deinit {
    families.forEach { rocksdb_column_family_handle_destroy($0) }
    rocksdb_close(pointer)
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_readoptions_destroy(memoryReadOptions)
    rocksdb_writeoptions_destroy(bufferedWrite)
    rocksdb_writeoptions_destroy(syncedWrite)
    // Files that cannot be removed are replaced when the path is used again.
    if temporary { try? DB.destroy(path: path) }
  }

  /// Runs a write. After one has failed at the disk, what is durable is unknown and RocksDB must not be called for
  /// another (a build with assertions would abort): all later ones throw the first error.
  func writing<R>(_ body: () throws(RocksDBError) -> R) throws(RocksDBError) -> R {
    if let failure = failure.withLock({ $0 }) { throw failure }
    do throws(RocksDBError) {
      return try body()
    } catch {
      switch error.kind {
      case .io, .noSpace, .denied, .corruption: failure.withLock { $0 = $0 ?? error }
      case .locked, .invalid, .notFound, .incomplete, .other: break
      }
      throw error
    }
  }
}

/// A column family of an open database, valid for that database only.
package struct DBColumnFamily: Sendable {
  package let name: String
  let dbHandle: DBHandle
  /// In `DBHandle.families`.
  let position: Int

  var handle: OpaquePointer { dbHandle.families[position] }
}
