import RocksDB

/// Reads sorted files back. RocksDB's C interface has no reader for such a file alone, so it is
/// ingested into a scratch database beside it, which goes with the cursor.
enum RocksSSTReader {
  static func open(_ path: String) throws(EngineError) -> any KVCursor {
    let scratch = path + ".reading"
    let cursor: RocksCursor
    do throws(RocksDBError) {
      try DB.destroy(path: scratch)
      let db = try DB(
        path: scratch, options: DBOptions(), families: [("default", FamilyOptions())],
        temporary: true)
      try db.ingest(db.families[0], paths: [path], move: false)
      cursor = RocksCursor(db.iterator(db.families[0], fillCache: false))
    } catch {
      throw EngineError(error)
    }
    cursor.seekToFirst()
    return cursor
  }
}
