import RocksDB
package import Runtime
import Synchronization

/// One end of a range of sequence numbers.
package enum SequenceBound: Sendable, Hashable {
  case min
  case max
  case included(UInt64)
  case excluded(UInt64)
}

/// Logs of tables that raft does not replicate: rows in the order of their sequence numbers, which the log itself assigns,
/// from 1 on without gaps. The redo log of what a store keeps in memory. HoraeDB's WAL, in the database of the raft log, so
/// that rows and raft entries can be written together, with one barrier.
///
/// - Threads: any thread may call. Writes are serialized with those of the raft log. A reader never sees a row without the
///   ones before it.
/// - A sequence number is never used twice, also after rows are deleted, a table is dropped, or a write has failed.
/// - Rows are deleted only by `markFlushed` and `drop`.
/// - Errors: as those of `RaftLogStore`. A failed write assigns nothing.
package final class TableLog: Sendable {
  /// What is known of a table.
  struct Unit: Sendable, Equatable {
    /// The last sequence number that was assigned; 0: none.
    var last: UInt64 = 0
    /// Rows up to this one are deleted; at most `last`.
    var flushed: UInt64 = 0
    /// Bytes of rows that are not flushed, since the log was opened.
    var bytes: UInt64 = 0
  }

  let store: RocksDBLogStore
  /// Changed only while the store's writer is locked, after the write it reflects.
  private let units: Mutex<[TableID: Unit]>

  /// Opens the table log in the database of a raft log that was opened with `RocksDBLogStoreOptions.tableLog`. The next
  /// sequence numbers follow from the last rows and the metadata: a seek per table.
  package init(in store: RocksDBLogStore) throws(LogStoreError) {
    self.store = store
    units = Mutex(try Self.recover(store))
  }

  // MARK: Writing

  /// Appends rows to a table, with a batch of the raft log, atomically.
  ///
  /// Throws what `RaftLogStore.write` does, and `invalidBatch` if no sequence numbers are left.
  ///
  /// - Returns: their sequence numbers; nil if there are no rows.
  @discardableResult
  package func write(
    _ id: TableID, _ rows: [[UInt8]], _ durability: Durability, with batch: LogBatch = LogBatch()
  ) throws(LogStoreError) -> ClosedRange<UInt64>? {
    let size = rows.reduce(0) { $0 + $1.count + TableKeys.rowLength + 1 }
    var written: ClosedRange<UInt64>?
    try store.write(batch, durability, more: size) { (db, native) throws(LogStoreError) in
      guard !rows.isEmpty else { return {} }
      let families = try Self.families(db)
      var unit = units.withLock { $0[id] } ?? Unit()
      let (last, overflow) = unit.last.addingReportingOverflow(UInt64(rows.count))
      guard !overflow, last < .max else {
        throw .invalidBatch(
          region: id.region, reason: "no sequence numbers are left for table \(id.table)")
      }
      let first = unit.last + 1
      for (offset, row) in rows.enumerated() {
        native.put(
          families.rows, TableKeys.row(id, first + UInt64(offset)), TableKeys.value(row))
      }
      unit.last = last
      unit.bytes += UInt64(size)
      written = first...last
      let after = unit
      return { [self] in units.withLock { $0[id] = after } }
    }
    return written
  }

  /// Deletes the rows up to `sequence`: they are stored elsewhere. Without effect if they are deleted already. Throws
  /// `invalidBatch` if there is no such row yet.
  package func markFlushed(
    _ id: TableID, upTo sequence: UInt64, _ durability: Durability,
    with batch: LogBatch = LogBatch()
  ) throws(LogStoreError) {
    try store.write(batch, durability, more: 0) { (db, native) throws(LogStoreError) in
      var unit = units.withLock { $0[id] } ?? Unit()
      guard sequence <= unit.last else {
        throw .invalidBatch(
          region: id.region,
          reason: "table \(id.table) is flushed up to \(sequence), beyond its last row \(unit.last)"
        )
      }
      guard sequence > unit.flushed else { return {} }
      let families = try Self.families(db)
      // From the last mark on: markers of deleted ranges do not overlap.
      native.deleteRange(
        families.rows, TableKeys.row(id, unit.flushed), TableKeys.past(id, sequence))
      native.put(
        families.metadata, TableKeys.metadata(id),
        TableKeys.value(last: unit.last, flushed: sequence))
      let left = unit.last - sequence
      let before = unit.last - unit.flushed
      unit.bytes = before == 0 ? 0 : unit.bytes / before * left
      unit.flushed = sequence
      let after = unit
      return { [self] in units.withLock { $0[id] = after } }
    }
  }

  /// Deletes all rows of a table. A table of the same id continues its sequence.
  package func drop(_ id: TableID, _ durability: Durability) throws(LogStoreError) {
    try markFlushed(id, upTo: lastSequence(id), durability)
  }

  /// Lets a table of another region, or of another store, continue here: its next row is above `sequence`. Durable on
  /// return. Without effect if the table is there already.
  package func continueSequence(_ id: TableID, after sequence: UInt64) throws(LogStoreError) {
    try store.write(LogBatch(), .synced, more: 0) { (db, native) throws(LogStoreError) in
      guard units.withLock({ $0[id]?.last ?? 0 }) < sequence else { return {} }
      guard units.withLock({ $0[id]?.last ?? 0 }) == units.withLock({ $0[id]?.flushed ?? 0 })
      else {
        throw .invalidBatch(region: id.region, reason: "table \(id.table) has rows; flush it first")
      }
      let families = try Self.families(db)
      native.put(
        families.metadata, TableKeys.metadata(id),
        TableKeys.value(last: sequence, flushed: sequence))
      let after = Unit(last: sequence, flushed: sequence)
      return { [self] in units.withLock { $0[id] = after } }
    }
  }

  /// Adds rows with the sequence numbers that they have, and sets the last and the flushed one.
  func importRows(
    _ rows: [TableRow], _ id: TableID, last: UInt64, flushed: UInt64
  ) throws(LogStoreError) {
    let size = rows.reduce(0) { $0 + $1.row.count + TableKeys.rowLength + 1 }
    try store.write(LogBatch(), .buffered, more: size) { (db, native) throws(LogStoreError) in
      let families = try Self.families(db)
      for row in rows {
        native.put(
          families.rows, TableKeys.row(id, row.sequence), TableKeys.value(row.row))
      }
      native.put(
        families.metadata, TableKeys.metadata(id),
        TableKeys.value(last: last, flushed: flushed))
      let bytes = units.withLock { $0[id]?.bytes ?? 0 } + UInt64(size)
      let after = Unit(last: last, flushed: flushed, bytes: bytes)
      return { [self] in units.withLock { $0[id] = after } }
    }
  }

  // MARK: Reading

  /// The last sequence number of a table; 0 if it was never written. No I/O.
  package func lastSequence(_ id: TableID) -> UInt64 { units.withLock { $0[id]?.last ?? 0 } }
  /// The rows up to this one are deleted; 0: none. No I/O.
  package func flushedSequence(_ id: TableID) -> UInt64 {
    units.withLock { $0[id]?.flushed ?? 0 }
  }

  /// The rows of a table in a range, in batches. Rows that are written later are not among them; rows that are deleted
  /// meanwhile may be.
  ///
  /// - Parameter batchRows: rows of a batch, at least 1.
  package func read(
    _ id: TableID, from: SequenceBound = .min, to: SequenceBound = .max, batchRows: Int = 500
  ) -> TableRows {
    let unit = units.withLock { $0[id] } ?? Unit()
    return TableRows(store, [Self.range(id, unit, from, to)].compactMap(\.self), batchRows)
  }

  /// All rows of a region's tables, by table, then sequence, in batches.
  package func scan(region: UInt64, batchRows: Int = 500) -> TableRows {
    let tables = units.withLock { units in
      units.filter { $0.key.region == region }.sorted { $0.key < $1.key }
    }
    return TableRows(
      store, tables.compactMap { Self.range($0.key, $0.value, .min, .max) }, batchRows)
  }

  /// Nil if the range is empty.
  private static func range(
    _ id: TableID, _ unit: Unit, _ from: SequenceBound, _ to: SequenceBound
  ) -> TableRows.Range? {
    let low: UInt64
    switch from {
    case .min: low = 0
    case .max: low = .max
    case .included(let sequence): low = sequence
    case .excluded(let sequence):
      guard sequence < .max else { return nil }
      low = sequence + 1
    }
    let high: UInt64
    switch to {
    case .min: high = 0
    case .max: high = .max
    case .included(let sequence): high = sequence
    case .excluded(let sequence):
      guard sequence > 0 else { return nil }
      high = sequence - 1
    }
    guard unit.flushed < unit.last else { return nil }
    let (first, last) = (max(low, unit.flushed + 1), min(high, unit.last))
    return first <= last ? TableRows.Range(id: id, next: first, last: last) : nil
  }

  /// The tables with rows that are not flushed, those with the most bytes first: they keep the log from shrinking. No I/O.
  package func flushPressure() -> [(id: TableID, bytes: UInt64)] {
    units.withLock { units in
      units.filter { $0.value.flushed < $0.value.last }.map { ($0.key, $0.value.bytes) }
        .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    }
  }

  // MARK: Opening

  static func families(
    _ db: DB
  ) throws(LogStoreError) -> (rows: DBColumnFamily, metadata: DBColumnFamily) {
    guard let rows = db.family(TableKeys.rows), let metadata = db.family(TableKeys.metadata) else {
      throw .io(
        operation: "open the table log in \(db.path)",
        reason: "the raft log was opened without it")
    }
    return (rows, metadata)
  }

  private static func recover(
    _ store: RocksDBLogStore
  ) throws(LogStoreError) -> [TableID: Unit] {
    let db = try store.database()
    let families = try families(db)
    var units = try TableScan(db, families.rows).lastRows().mapValues { Unit(last: $0) }
    for (id, last, flushed) in try TableScan(db, families.metadata).metadata() {
      let row = units[id]?.last ?? 0
      units[id] = Unit(last: max(row, last), flushed: flushed)
    }
    return units
  }
}
