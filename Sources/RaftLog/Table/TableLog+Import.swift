import RocksDB
import Runtime

extension TableLog {
  /// Copies all tables of a WAL that HoraeDB has written, a RocksDB directory that must not be in use, into this log, which
  /// must not have any of them. Durable on return; after an error a part may have been copied, and the source is unchanged.
  ///
  /// HoraeDB's metadata has no region: it counts for every region that has rows of the table, and a table without rows
  /// cannot be attributed. Sequence numbers of rows are kept.
  ///
  /// - Parameter orphanRegion: the region of tables without rows; nil: they are left out.
  /// - Returns: how many rows were copied.
  @discardableResult
  package func importHoraeDB(
    _ path: String, orphanRegion: UInt64? = nil
  ) throws(LogStoreError) -> Int {
    let source: DB
    do throws(RocksDBError) {
      source = try DB(
        path: path, options: DBOptions(), families: [("default", FamilyOptions())], readOnly: true)
    } catch {
      throw LogStoreError(error, path: path)
    }
    let scan = TableScan(source, source.families[0])
    var tables = try scan.lastRows()
    let metadata = try scan.foreignMetadata()
    if let orphanRegion {
      for table in metadata.keys where !tables.keys.contains(where: { $0.table == table }) {
        tables[TableID(region: orphanRegion, table: table)] = 0
      }
    }
    for id in tables.keys.sorted() where lastSequence(id) > 0 {
      throw .invalidBatch(region: id.region, reason: "table \(id.table) is there already")
    }
    var count = 0
    for (id, lastRow) in tables.sorted(by: { $0.key < $1.key }) {
      count += try copy(id, lastRow, max(lastRow, metadata[id.table] ?? 0), scan)
    }
    try store.sync()
    return count
  }

  private func copy(
    _ id: TableID, _ lastRow: UInt64, _ last: UInt64, _ source: TableScan
  ) throws(LogStoreError) -> Int {
    var count = 0
    var next: UInt64 = 0
    var flushed = last
    while count == 0 || next <= lastRow, lastRow > 0 {
      let rows = try source.rows(id, next, lastRow, limit: 1000)
      guard let end = rows.last?.sequence else { break }
      // Rows before the first were deleted.
      if count == 0 { flushed = rows[0].sequence &- 1 }
      try importRows(rows, id, last: last, flushed: flushed)
      count += rows.count
      next = end &+ 1
      if end == lastRow { break }
    }
    if count == 0 { try importRows([], id, last: last, flushed: last) }
    return count
  }
}
