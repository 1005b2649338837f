import RocksDB
package import Runtime
import Synchronization

/// An engine on RocksDB. `path` is the directory of the database.
package final class RocksEngine: KVEngine {
  package let path: String
  private let options: RocksEngineOptions
  /// Nil once closed. Calls in progress, snapshots and cursors hold the handle, and the database closes when the
  /// last of them releases it.
  private let opened: Mutex<RocksHandle?>
  /// By how much the files of each family are smaller than their pairs.
  let compressions = Mutex<[ColumnFamily: MeasuredCompression]>([:])

  /// Opens the database in the directory `path`, whose parent must exist. Throws `locked`, `denied`, `noSpace`,
  /// `corruption`, `notFound` (without `createIfMissing`) or `io`.
  package init(
    path: String, options: RocksEngineOptions = RocksEngineOptions()
  ) throws(EngineError) {
    self.path = path
    self.options = options
    let cache = BlockCache(bytes: options.blockCacheBytes)
    do throws(RocksDBError) {
      let families = ColumnFamily.allCases.map { ($0.name, options.family($0, cache: cache)) }
      let db = try DB(
        path: path, options: options.database, families: families, readOnly: options.readOnly)
      opened = Mutex(RocksHandle(db))
    } catch {
      throw Self.openError(error, path)
    }
  }

  /// Adds the cause to RocksDB's message where it does not name it.
  private static func openError(_ error: RocksDBError, _ path: String) -> EngineError {
    var translated = EngineError(error)
    switch translated.kind {
    case .locked:
      translated.message = "\(path) is in use by another process: \(error.message)"
    case .denied:
      translated.message = "\(path) cannot be written by this user: \(error.message)"
    default: break
    }
    return translated
  }

  func handle(_ operation: String) throws(EngineError) -> RocksHandle {
    guard let handle = opened.withLock({ $0 }) else { throw .closed(operation) }
    return handle
  }

  // MARK: Reading

  package func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try handle("get").get(family, key)
  }

  package func getFromMemory(
    _ family: ColumnFamily, _ key: [UInt8]
  ) throws(EngineError) -> [UInt8]?? {
    try handle("get").getFromMemory(family, key)
  }

  package func multiGet(
    _ family: ColumnFamily, _ keys: [[UInt8]]
  ) throws(EngineError) -> [[UInt8]?] {
    try handle("get").multiGet(family, keys)
  }

  package func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    try handle("iterate").cursor(family, from: lower, to: upper, fillCache: fillCache)
  }

  package func snapshot() -> any KVSnapshot {
    RocksSnapshot(opened.withLock { $0 })
  }

  // MARK: Writing

  package func write(_ batch: WriteBatch, _ durability: Durability) throws(EngineError) {
    let handle = try handle("write")
    let sync = durability == .synced
    guard !batch.isEmpty else {
      if sync { try self.sync() }
      return
    }
    var native = DBWriteBatch()
    batch.replay(into: &native, of: handle)
    do throws(RocksDBError) {
      try handle.db.write(native, sync: sync)
    } catch {
      throw EngineError(error)
    }
  }

  package func sync() throws(EngineError) {
    let handle = try handle("sync")
    try translating { () throws(RocksDBError) in try handle.db.syncWAL() }
  }

  package func flush() throws(EngineError) {
    let handle = try handle("flush")
    try translating { () throws(RocksDBError) in try handle.db.flush(handle.families) }
  }

  package func flush(_ family: ColumnFamily) throws(EngineError) {
    let handle = try handle("flush")
    try translating { () throws(RocksDBError) in try handle.db.flush([handle[family]]) }
  }

  package func close() throws(EngineError) {
    let handle = opened.withLock { $0.take() }
    guard let handle, !options.readOnly else { return }
    try translating { () throws(RocksDBError) in try handle.db.syncWAL() }
  }

  // MARK: Files

  package func makeSSTWriter(
    _ path: String, for family: ColumnFamily
  ) throws(EngineError) -> any SSTWriter {
    try RocksSSTWriter(path, options.family(family, cache: nil))
  }

  package func openSST(_ path: String) throws(EngineError) -> any KVCursor {
    try RocksSSTReader.open(path)
  }

  package func boundsOfSST(_ path: String) throws(EngineError) -> SSTBounds {
    try RocksSSTReader.bounds(path)
  }

  package func ingest(_ files: [SSTFile], move: Bool) throws(EngineError) {
    let handle = try handle("ingest")
    for family in ColumnFamily.allCases {
      let paths = files.filter { $0.family == family }.map(\.path)
      guard !paths.isEmpty else { continue }
      try translating { () throws(RocksDBError) in
        try handle.db.ingest(handle[family], paths: paths, move: move)
      }
    }
  }

  package func deleteFilesInRange(
    _ family: ColumnFamily, from: [UInt8], to: [UInt8]
  ) throws(EngineError) {
    let handle = try handle("delete files in range")
    try translating { () throws(RocksDBError) in
      try handle.db.deleteFilesInRange(handle[family], from: from, to: to)
    }
  }

  package func compact(
    _ family: ColumnFamily, from: [UInt8]?, to: [UInt8]?
  ) throws(EngineError) {
    let handle = try handle("compact")
    handle.db.compactRange(handle[family], from: from, to: to)
  }

  package func checkpoint(to path: String) throws(EngineError) {
    let handle = try handle("checkpoint")
    try translating { () throws(RocksDBError) in
      try Checkpoint.create(of: handle.db, at: path)
    }
  }

  package func property(_ name: String, _ family: ColumnFamily) -> UInt64? {
    guard let handle = opened.withLock({ $0 }) else { return nil }
    return handle.db.property(name, handle[family])
  }
}

extension WriteBatch {
  /// Adds the changes to a RocksDB batch, directly from the arena.
  fileprivate func replay(into native: inout DBWriteBatch, of handle: RocksHandle) {
    let bytes = arena.span.bytes
    for record in records {
      let split = record.offset + Int(record.first)
      let first = bytes.extracting(record.offset..<split)
      let second = bytes.extracting(split..<split + Int(record.second))
      let family = handle[record.family]
      switch record.kind {
      case .put: native.put(family, first, second)
      case .delete: native.delete(family, first)
      case .deleteRange:
        // RocksDB would refuse the whole batch for a reversed range.
        if precedes(first, second) { native.deleteRange(family, first, second) }
      }
    }
  }

  private func precedes(_ a: RawSpan, _ b: RawSpan) -> Bool {
    a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.lexicographicallyPrecedes(b) } }
  }
}
