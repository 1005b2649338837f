package import Runtime

/// An ordered store of keys in column families: what a node keeps its data and region state in.
///
/// Any thread may call. A call on a closed engine throws `closed`; snapshots and cursors taken
/// before stay readable until they are released.
package protocol KVEngine: KVReader, AnyObject {
  /// The directory that is the database; a name for engines that have none.
  var path: String { get }

  /// The value under `key` if it can be told without reading a file: for threads that must not wait for a
  /// disk. Nil where `get` has to be asked; nil inside when there is no value.
  func getFromMemory(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]??

  /// Applies the batch as a whole or not at all, in its order. `.synced` also makes durable
  /// everything written before. A failed `.synced` write leaves it unknown what is durable: the
  /// caller must stop.
  func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError)

  /// The state at this moment. Of a closed engine: a snapshot whose reads throw `closed`.
  func snapshot() -> any KVSnapshot

  /// Makes every write so far durable.
  func sync() throws(EngineError)

  /// Moves what is in memory into files, all families; afterwards it is durable too.
  func flush() throws(EngineError)

  /// A writer of a sorted file for `ingest`, at a path where nothing is yet.
  func makeSSTWriter(_ path: String, for family: ColumnFamily) throws(EngineError) -> any SSTWriter

  /// Reads a sorted file back, from its first pair: for verification and for people.
  func openSST(_ path: String) throws(EngineError) -> any KVCursor

  /// Between which keys ingesting the file would change anything. Reads all of the file, and throws
  /// `corruption` where it cannot be read.
  func boundsOfSST(_ path: String) throws(EngineError) -> SSTBounds

  /// Adds the files' pairs over what is stored; durable on return. Files of one family are taken
  /// together. With `move` the files' names are gone afterwards, else they stay untouched.
  func ingest(_ files: [SSTFile], move: Bool) throws(EngineError)

  /// Drops whole files inside `[from, to)` and so frees space at once. Pairs that share a file
  /// with others stay, as do those still in memory: `deleteRange` is what makes them invisible.
  /// Snapshots taken before may lose what is dropped.
  func deleteFilesInRange(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError)

  /// About how many bytes `[from, to)` takes in files; whether what is still in memory counts is up
  /// to the engine.
  func approximateSize(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) -> UInt64

  /// Rewrites `[from, to)` without what is deleted; nil leaves a side open.
  func compact(_ family: ColumnFamily, from: [UInt8]?, to: [UInt8]?) throws(EngineError)

  /// A copy of the present state that opens alone, at a path where nothing is yet.
  func checkpoint(to path: String) throws(EngineError)

  /// Bytes on disk, and in memory not yet there.
  func usedBytes() throws(EngineError) -> UInt64

  /// A number the engine knows by this name (as RocksDB names its properties); nil when unknown.
  func property(_ name: String, _ family: ColumnFamily) -> UInt64?

  /// Makes everything durable and releases the directory. A second call does nothing.
  func close() throws(EngineError)
}

extension KVEngine {
  /// For engines that have no files.
  package func getFromMemory(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]?? {
    .some(try get(family, key))
  }

  /// For engines whose files hold pairs only.
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

  /// Ingests by moving.
  package func ingest(_ files: [SSTFile]) throws(EngineError) {
    try ingest(files, move: true)
  }
}
