import RocksDB

/// Reads SST files. RocksDB's C interface has no reader of a single file, so the file is ingested into a temporary
/// database beside it, which is removed with the last cursor on it.
enum RocksSSTReader {
  /// A cursor at the first pair of the file.
  static func open(_ path: String) throws(EngineError) -> any KVCursor {
    let db = try load(path)
    let cursor = RocksCursor(db.iterator(db.families[0], fillCache: false))
    cursor.seekToFirst()
    return cursor
  }

  /// The smallest and the largest key of pairs and range deletions in the file. Reads the whole file: every block
  /// must match its checksum, and the keys must ascend.
  static func bounds(_ path: String) throws(EngineError) -> SSTBounds {
    let db = try load(path)
    func corrupted(_ what: String) -> EngineError {
      EngineError(.corruption, operation: "read \(path)", message: "Corruption: \(what)")
    }
    guard let bounds = db.liveFiles().first else { throw corrupted("no keys") }
    let cursor = RocksCursor(db.iterator(db.families[0], fillCache: false))
    cursor.seekToFirst()
    var last: [UInt8]?
    while cursor.isValid {
      let key = cursor.key
      if let last, !last.lexicographicallyPrecedes(key) { throw corrupted("keys out of order") }
      last = key
      cursor.next()
    }
    try cursor.finish()
    if let last, bounds.largest.lexicographicallyPrecedes(last) {
      throw corrupted("keys out of order")
    }
    return SSTBounds(first: bounds.smallest, last: bounds.largest)
  }

  private static func load(_ path: String) throws(EngineError) -> DB {
    let scratch = path + ".reading"
    do throws(RocksDBError) {
      try DB.destroy(path: scratch)
      let db = try DB(
        path: scratch, options: DBOptions(), families: [("default", FamilyOptions())],
        temporary: true)
      try db.ingestShared(db.families[0], path: path)
      return db
    } catch {
      throw EngineError(error)
    }
  }
}
