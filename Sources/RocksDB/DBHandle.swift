import CRocksDB
import Synchronization

/// An open database and the handles that must go before it. Whatever is made from a database holds
/// its connection, so that RocksDB closes after the last of them.
// @unchecked: RocksDB synchronizes all calls made through these handles, which never change.
final class DBHandle: @unchecked Sendable {
  let path: String
  let handle: OpaquePointer
  let families: [OpaquePointer]
  /// Shared by all plain reads and writes; no one changes them.
  let readOptions: OpaquePointer
  /// Reads what is in memory and fails with `Incomplete` where a file would have to be read.
  let memoryReadOptions: OpaquePointer
  let bufferedWrite: OpaquePointer
  let syncedWrite: OpaquePointer

  /// `kBlockCacheTier` of RocksDB's `ReadTier`.
  private static let blockCacheTier: Int32 = 1

  /// What has made an earlier write or barrier fail.
  private let failure = Mutex<RocksDBError?>(nil)
  /// Whether the files go when the database closes.
  private let temporary: Bool

  init(path: String, handle: OpaquePointer, families: [OpaquePointer], temporary: Bool) {
    self.path = path
    self.temporary = temporary
    self.handle = handle
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
    rocksdb_close(handle)
    rocksdb_readoptions_destroy(readOptions)
    rocksdb_readoptions_destroy(memoryReadOptions)
    rocksdb_writeoptions_destroy(bufferedWrite)
    rocksdb_writeoptions_destroy(syncedWrite)
    // What could not be removed is replaced when the same path is used again.
    if temporary { try? DB.destroy(path: path) }
  }

  /// Runs something that writes. After one of them has failed at the disk, what is durable is
  /// unknown and RocksDB must not be asked to write again (a build with assertions would abort): all
  /// later ones throw that first error.
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

/// A column family of an open database; good for that database alone.
package struct DBColumnFamily: Sendable {
  package let name: String
  let connection: DBHandle
  let position: Int

  var handle: OpaquePointer { connection.families[position] }
}
