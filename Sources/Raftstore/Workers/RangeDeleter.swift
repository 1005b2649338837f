import Codec
import Engine

/// Deletes all user data of a range, in all families.
struct RangeDeleter {
  let engine: any KVEngine

  /// Deletes visibly at once; durable with the next barrier. A range without data costs no write.
  func delete(_ range: KeyRange) throws(EngineError) {
    if range.isEmpty { return }
    var batch = WriteBatch()
    for family in ColumnFamily.data {
      let end = range.end.isEmpty ? nil : range.end
      let cursor = try engine.cursor(family, from: range.start, to: end, fillCache: false)
      cursor.seekToLast()
      let last = cursor.isValid ? cursor.key : nil
      try cursor.finish()
      guard let last else { continue }
      // The engine's ranges have an end: that of an open one is the least key behind the data.
      let upper = end ?? last + [0]
      // Dropping files takes data from under open views, such as a read that began while this
      // store still led the region.
      if (engine.property("rocksdb.num-snapshots", family) ?? 0) == 0 {
        try engine.deleteFilesInRange(family, from: range.start, to: upper)
      }
      batch.deleteRange(family, from: range.start, to: upper)
    }
    if !batch.isEmpty { try engine.write(batch, .buffered) }
  }
}
