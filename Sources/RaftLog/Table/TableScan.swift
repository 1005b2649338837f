import RocksDB

/// Reads tables from a column family.
struct TableScan {
  private let db: DB
  private let family: DBColumnFamily

  init(_ db: DB, _ family: DBColumnFamily) {
    self.db = db
    self.family = family
  }

  /// The last sequence number of each table that has rows: from the end, a seek per table. Each table is of one region;
  /// one that was moved has a number in each.
  func lastRows() throws(LogStoreError) -> [TableID: UInt64] {
    var found: [TableID: UInt64] = [:]
    let iterator = db.iterator(family, from: TableKeys.firstRow, to: TableKeys.pastRows)
    iterator.seekToLast()
    while iterator.isValid {
      let key = iterator.key
      let (id, sequence) = try TableKeys.parse(key).get(db.path, key)
      found[id] = max(found[id] ?? 0, sequence)
      iterator.seekForPrev(TableKeys.table(id))
    }
    try finish(iterator)
    return found
  }

  /// All native metadata.
  func metadata() throws(LogStoreError) -> [(id: TableID, last: UInt64, flushed: UInt64)] {
    var found: [(id: TableID, last: UInt64, flushed: UInt64)] = []
    let iterator = db.iterator(family)
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      found.append(try TableKeys.parseMetadata(key, iterator.value).get(db.path, key))
      iterator.next()
    }
    try finish(iterator)
    return found
  }

  /// HoraeDB's metadata: the last sequence number by table.
  func foreignMetadata() throws(LogStoreError) -> [UInt64: UInt64] {
    var found: [UInt64: UInt64] = [:]
    let iterator = db.iterator(family, to: TableKeys.firstRow)
    iterator.seekToFirst()
    while iterator.isValid {
      let key = iterator.key
      let (table, last) = try TableKeys.parseForeignMetadata(key, iterator.value).get(db.path, key)
      found[table] = last
      iterator.next()
    }
    try finish(iterator)
    return found
  }

  /// Up to `limit` rows of a table from `first` to `last`, in order.
  func rows(
    _ id: TableID, _ first: UInt64, _ last: UInt64, limit: Int
  ) throws(LogStoreError) -> [TableRow] {
    var rows: [TableRow] = []
    let iterator = db.iterator(
      family, from: TableKeys.row(id, first), to: TableKeys.past(id, last), fillCache: false)
    iterator.seekToFirst()
    while iterator.isValid, rows.count < limit {
      let key = iterator.key
      let (found, sequence) = try TableKeys.parse(key).get(db.path, key)
      guard found == id else {
        throw TableDefect("a row of another table").error(db.path, key)
      }
      let row = try TableKeys.row(of: iterator.value).get(db.path, key)
      rows.append(TableRow(table: id, sequence: sequence, row: row))
      iterator.next()
    }
    if !iterator.isValid { try finish(iterator) }
    return rows
  }

  private func finish(_ iterator: borrowing DBIterator) throws(LogStoreError) {
    do throws(RocksDBError) {
      try iterator.finish()
    } catch {
      throw LogStoreError(error, path: db.path)
    }
  }
}

/// A row of a table.
package struct TableRow: Sendable, Hashable {
  package var table: TableID
  package var sequence: UInt64
  package var row: [UInt8]

  package init(table: TableID, sequence: UInt64, row: [UInt8]) {
    self.table = table
    self.sequence = sequence
    self.row = row
  }
}

/// Rows that are read in batches.
package struct TableRows: Sendable {
  /// Rows of one table that are still to be read.
  struct Range: Sendable {
    var id: TableID
    var next: UInt64
    /// At least `next`.
    var last: UInt64
  }

  private let store: RocksDBLogStore
  private var ranges: ArraySlice<Range>
  private let batchRows: Int

  init(_ store: RocksDBLogStore, _ ranges: [Range], _ batchRows: Int) {
    self.store = store
    self.ranges = ranges[...]
    self.batchRows = max(batchRows, 1)
  }

  /// The next rows, of one table or several; empty at the end.
  package mutating func next() throws(LogStoreError) -> [TableRow] {
    var rows: [TableRow] = []
    guard !ranges.isEmpty else { return rows }
    let db = try store.database()
    let scan = TableScan(db, try TableLog.families(db).rows)
    while rows.count < batchRows, let range = ranges.first {
      let found = try scan.rows(
        range.id, range.next, range.last, limit: batchRows - rows.count)
      rows += found
      if rows.count < batchRows || found.last?.sequence == range.last {
        ranges.removeFirst()
      } else if let last = found.last {
        ranges[ranges.startIndex].next = last.sequence + 1
      }
    }
    return rows
  }

  /// All rows that are left. For small ranges: nothing bounds them.
  package mutating func all() throws(LogStoreError) -> [TableRow] {
    var rows: [TableRow] = []
    while true {
      let batch = try next()
      if batch.isEmpty { return rows }
      rows += batch
    }
  }
}
