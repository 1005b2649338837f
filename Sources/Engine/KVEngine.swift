package import Runtime

/// An ordered key-value store with column families, for the data and region states of a node.
///
/// - Threads: any thread may call. Writes are serialized in some order. A read sees every write whose call has
///   returned.
/// - Blocking: calls may wait for the disk, except `getFromMemory`, `snapshot` and `property`.
/// - Errors: after a failed write or sync what is durable is unknown. All later writes throw, and the process must
///   acknowledge nothing any more. Reads still work.
/// - Closing: a call on a closed engine throws `closed`. Snapshots and cursors taken before stay readable until
///   they are released.
package protocol KVEngine: KVReader, AnyObject {
  /// The directory of the database; a name for engines without one.
  var path: String { get }

  /// The value under `key` if it is in memory, for threads that must not wait for the disk. Nil if a file would
  /// have to be read: call `get`. The inner optional is nil if there is no value.
  func getFromMemory(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]??

  /// Applies the batch atomically, its changes in order. With `.synced` the batch and everything written before are
  /// durable on return; an empty batch is then a `sync`.
  func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError)

  /// The present state. Of a closed engine: a snapshot whose reads throw `closed`.
  func snapshot() -> any KVSnapshot

  /// Makes every write whose call has returned durable.
  func sync() throws(EngineError)

  /// Writes the memtables of all families to files; afterwards they are durable.
  func flush() throws(EngineError)

  /// A writer of an SST file for `ingest`. The file is created at `path`, which should not exist.
  func makeSSTWriter(_ path: String, for family: ColumnFamily) throws(EngineError) -> any SSTWriter

  /// A cursor at the first pair of an SST file, for verification and inspection.
  func openSST(_ path: String) throws(EngineError) -> any KVCursor

  /// The range of keys that ingesting the SST file would change. Reads the whole file and verifies checksums and
  /// order; throws `corruption` if they do not hold or the file has no keys.
  func boundsOfSST(_ path: String) throws(EngineError) -> SSTBounds

  /// Adds the pairs of SST files, which replace stored ones; durable on return. Atomic per family. Files of one
  /// family must not overlap.
  ///
  /// - Parameter move: whether files are moved into the database, so that their names are gone afterwards. Otherwise
  ///   they are copied.
  func ingest(_ files: [SSTFile], move: Bool) throws(EngineError)

  /// Deletes the files that lie in `[from, to)`, which frees their space at once. Pairs in other files and in
  /// memory stay visible until a `deleteRange`. Snapshots taken before may lose the deleted pairs.
  func deleteFilesInRange(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError)

  /// About the bytes of the keys and values of `[from, to)` in files, before compression. An engine without files
  /// counts all pairs.
  func approximateSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) -> UInt64

  /// The pairs of `[from, to)` that are in memory and not in files yet. Visits them, and stops when their bytes
  /// reach `limit`. Zero for an engine without files.
  func unflushedSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8], limit: UInt64
  ) throws(EngineError) -> RangeSize

  /// The present files of all families, in no order; none for an engine without files. Reads no file, but copies the
  /// bounds of each.
  func files() throws(EngineError) -> [EngineFile]

  /// Writes the memtable of one family to a file.
  func flush(_ family: ColumnFamily) throws(EngineError)

  /// Rewrites the files of `[from, to)` without deleted pairs; nil: no bound. Returns when it is done.
  func compact(_ family: ColumnFamily, from: [UInt8]?, to: [UInt8]?) throws(EngineError)

  /// Creates a copy of the present state that can be opened by itself, at a path that must not exist.
  func checkpoint(to path: String) throws(EngineError)

  /// Bytes on disk and in memtables.
  func usedBytes() throws(EngineError) -> UInt64

  /// The value of a numeric property under RocksDB's name for it; nil if the engine does not have it.
  func property(_ name: String, _ family: ColumnFamily) -> UInt64?

  /// Makes everything durable and releases the directory. A second call does nothing.
  func close() throws(EngineError)
}

extension KVEngine {
  /// The default is for engines without files.
  package func getFromMemory(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]?? {
    .some(try get(family, key))
  }

  /// The default is for engines whose files contain only pairs.
  package func boundsOfSST(_ path: String) throws(EngineError) -> SSTBounds {
    let cursor = try openSST(path)
    let first = cursor.key
    let isEmpty = !cursor.isValid
    cursor.seekToLast()
    try cursor.finish()
    if isEmpty {
      throw EngineError(.corruption, operation: "read \(path)", message: "Corruption: no keys")
    }
    return SSTBounds(first: first, last: cursor.key)
  }

  /// The default is for engines without files.
  package func unflushedSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8], limit: UInt64
  ) throws(EngineError) -> RangeSize {
    RangeSize()
  }

  /// The default is for engines without files.
  package func files() throws(EngineError) -> [EngineFile] { [] }

  /// The default is for engines without files.
  package func flush(_ family: ColumnFamily) throws(EngineError) { try flush() }

  /// Ingests files by moving them.
  package func ingest(_ files: [SSTFile]) throws(EngineError) {
    try ingest(files, move: true)
  }
}
