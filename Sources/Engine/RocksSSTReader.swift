import RocksDB

/// Reads sorted files back. RocksDB's C interface has no reader for such a file alone, so it is
/// ingested into a scratch database beside it, which goes with the last user.
enum RocksSSTReader {
  /// A cursor on the file's first pair.
  static func open(_ path: String) throws(EngineError) -> any KVCursor {
    let db = try load(path)
    let cursor = RocksCursor(db.iterator(db.families[0], fillCache: false))
    cursor.seekToFirst()
    return cursor
  }

  /// The least and the greatest key that the file has anything to say of. Reads all of the file: every block
  /// must match its checksum, and the keys ascend.
  static func bounds(_ path: String) throws(EngineError) -> SSTBounds {
    let db = try load(path)
    func corrupted(_ what: String) -> EngineError {
      EngineError(.corruption, operation: "read \(path)", message: "Corruption: \(what)")
    }
    guard let bounds = db.fileBounds().first else { throw corrupted("no keys") }
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
