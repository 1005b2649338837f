import Codec
import Engine

extension RangeSize {
  /// About the bytes and the keys of a range, files and memtables of all data families together.
  ///
  /// Files are estimated by RocksDB from their indexes, memtables are counted. `limit` ends the counting: a range
  /// that has reached it is large enough, whatever else is in memory.
  static func estimate(
    of range: KeyRange, in engine: any KVEngine, limit: UInt64
  ) throws(EngineError) -> RangeSize {
    let end = range.end.isEmpty ? DataKeySpace.end : range.end
    var sum = RangeSize()
    for family in ColumnFamily.data {
      let bytes = try engine.approximateSize(family, from: range.start, to: end)
      sum.bytes += bytes
      if family == .write { sum.keys += try keysInFiles(of: bytes, family, engine) }
    }
    for family in ColumnFamily.data where sum.bytes < limit {
      let size = try engine.unflushedSize(
        family, from: range.start, to: end, limit: limit - sum.bytes)
      sum.bytes += size.bytes
      if family == .write { sum.keys += size.keys }
    }
    return sum
  }

  /// The keys that `bytes` of a family's files have, in the proportion in which all of its files have them.
  private static func keysInFiles(
    of bytes: UInt64, _ family: ColumnFamily, _ engine: any KVEngine
  ) throws(EngineError) -> UInt64 {
    guard bytes > 0, let all = engine.property("rocksdb.estimate-num-keys", family) else {
      return 0
    }
    let inMemory =
      (engine.property("rocksdb.num-entries-active-mem-table", family) ?? 0)
      + (engine.property("rocksdb.num-entries-imm-mem-tables", family) ?? 0)
    let whole = try engine.approximateSize(family, from: [], to: DataKeySpace.end)
    let share = min(1, Double(bytes) / Double(max(whole, 1)))
    return UInt64(Double(all - min(all, inMemory)) * share)
  }
}
