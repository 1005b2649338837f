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
      guard let upper = try end(of: range, family) else { continue }
      // Dropping files takes data from under open views, such as a read that began while this
      // store still led the region.
      if (engine.property("rocksdb.num-snapshots", family) ?? 0) == 0 {
        try engine.deleteFilesInRange(family, from: range.start, to: upper)
      }
      batch.deleteRange(family, from: range.start, to: upper)
    }
    if !batch.isEmpty { try engine.write(batch, .buffered) }
  }

  /// Where the data of a family in the range ends; nil if it has none. The engine's ranges have an end: that of an
  /// open one is the least key behind the data.
  private func end(of range: KeyRange, _ family: ColumnFamily) throws(EngineError) -> [UInt8]? {
    let end = range.end.isEmpty ? nil : range.end
    do throws(EngineError) {
      let cursor = try engine.cursor(family, from: range.start, to: end, fillCache: false)
      cursor.seekToLast()
      let last = cursor.isValid ? cursor.key : nil
      try cursor.finish()
      return last.map { end ?? $0 + [0] }
    } catch {
      // What cannot be read can be deleted.
      guard error.kind == .corruption else { throw error }
      return end ?? DataKeySpace.end
    }
  }
}
