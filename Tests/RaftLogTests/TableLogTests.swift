import Foundation
import Raft
import RaftLog
import RocksDB
import Runtime
import TestSupport
import Testing

/// The table log: HoraeDB's cases, T-01 to T-18 of the conformance list.
struct TableLogTests {
  /// A raft log with a table log, and ways to open both again.
  final class Fixture {
    private let temporary: TemporaryDirectory
    private(set) var store: RocksDBLogStore
    private(set) var log: TableLog

    var path: String { temporary.child("raft") }
    func child(_ name: String) -> String { temporary.child(name) }

    static var options: RocksDBLogStoreOptions {
      var options = RocksDBLogStoreOptions()
      options.tableLog = true
      return options
    }

    init() throws {
      temporary = try TemporaryDirectory("tablelog")
      store = try RocksDBLogStore(path: temporary.child("raft"), options: Self.options)
      log = try TableLog(in: store)
    }

    func reopen() throws {
      try store.close()
      store = try RocksDBLogStore(path: path, options: Self.options)
      log = try TableLog(in: store)
    }

    /// Runs the check now and after opening again.
    func twice(_ check: (TableLog) throws -> Void) throws {
      try check(log)
      try reopen()
      try check(log)
    }

    @discardableResult
    func write(_ id: TableID, _ count: Int) throws -> ClosedRange<UInt64>? {
      let start = log.lastSequence(id)
      let rows = (1...UInt64(count)).map { TableLogTests.row(id, start + $0).row }
      return try log.write(id, rows, .buffered)
    }
  }

  static func row(_ id: TableID, _ sequence: UInt64) -> TableRow {
    TableRow(
      table: id, sequence: sequence, row: Array("\(id.region)/\(id.table)/\(sequence)".utf8))
  }

  static func rows(_ id: TableID, _ range: ClosedRange<UInt64>) -> [TableRow] {
    range.map { row(id, $0) }
  }

  private static let table = TableID(region: 1, table: 2)

  private func all(
    _ log: TableLog, _ id: TableID, _ from: SequenceBound = .min, _ to: SequenceBound = .max,
    batch: Int = 500
  ) throws -> [TableRow] {
    var rows = log.read(id, from: from, to: to, batchRows: batch)
    return try rows.all()
  }

  @Test(arguments: [1, 2, 4, 10, 100])
  func t01t02_rowsReadBackInBatchesOfAnySize(batch: Int) throws {
    let fixture = try Fixture()
    #expect(try fixture.write(Self.table, 10) == 1...10)
    try fixture.twice { (log) throws in
      #expect(try all(log, Self.table, batch: batch) == Self.rows(Self.table, 1...10))
      var rows = log.read(Self.table, batchRows: batch)
      #expect(try rows.next().count == min(batch, 10))
    }
  }

  @Test func t03_boundsOfEveryKind() throws {
    let fixture = try Fixture()
    try fixture.write(Self.table, 10)
    try fixture.write(TableID(region: 1, table: 3), 20)
    let cases: [(SequenceBound, SequenceBound, ClosedRange<UInt64>?)] = [
      (.min, .max, 1...10), (.included(1), .included(10), 1...10), (.excluded(1), .max, 2...10),
      (.included(3), .excluded(7), 3...6), (.excluded(3), .included(7), 4...7),
      (.included(5), .included(5), 5...5), (.excluded(5), .excluded(6), nil),
      (.excluded(.max), .max, nil), (.min, .excluded(0), nil), (.max, .max, nil),
      (.min, .min, nil), (.included(8), .max, 8...10), (.included(9), .included(100), 9...10),
      (.included(11), .max, nil), (.included(7), .included(3), nil),
    ]
    try fixture.twice { (log) throws in
      for (from, to, expected) in cases {
        let found = try all(log, Self.table, from, to, batch: 3)
        #expect(found == expected.map { Self.rows(Self.table, $0) } ?? [], "\(from) \(to)")
      }
      #expect(try all(log, TableID(region: 9, table: 9)) == [])
    }
  }

  @Test func t04_theLastSequenceNumberGrows() throws {
    let fixture = try Fixture()
    #expect(fixture.log.lastSequence(Self.table) == 0)
    #expect(try fixture.log.write(Self.table, [], .synced) == nil)
    for expected: UInt64 in [3, 6, 9] {
      try fixture.write(Self.table, 3)
      #expect(fixture.log.lastSequence(Self.table) == expected)
    }
    try fixture.twice { (log) throws in #expect(log.lastSequence(Self.table) == 9) }
  }

  @Test func t05_writersOfOneTableLeaveNoHoles() throws {
    let fixture = try Fixture()
    let log = fixture.log
    let writers = (0..<8).map { writer in
      Thread {
        do {
          for round in 0..<20 {
            try log.write(Self.table, [[UInt8(writer), UInt8(round)], [0xff]], .buffered)
          }
        } catch {
          Issue.record(error)
        }
      }
    }
    for writer in writers { writer.start() }
    while writers.contains(where: { !$0.isFinished }) {
      let found = try all(log, Self.table, batch: 50).map(\.sequence)
      #expect(found == Array(1..<UInt64(found.count) + 1))
    }
    #expect(try all(log, Self.table).map(\.sequence) == Array(1...320))
    // A refused write assigns nothing.
    var gap = LogBatch()
    gap.append(5, run(1, 7...7))
    expect(.gap(region: 5, expected: 1, got: 7)) {
      try log.write(Self.table, [[1]], .buffered, with: gap)
    }
    #expect(try log.write(Self.table, [[1]], .buffered) == 321...321)
  }

  @Test func t06t11_tablesAndRegionsDoNotMix() throws {
    let fixture = try Fixture()
    let ids = [(1, 1), (1, 2), (2, 1), (2, .max), (.max, 1)].map {
      TableID(region: $0.0, table: $0.1)
    }
    for (position, id) in ids.enumerated() { try fixture.write(id, position + 3) }
    for id in ids { try fixture.write(id, 2) }
    try fixture.twice { (log) throws in
      for (position, id) in ids.enumerated() {
        #expect(try all(log, id) == Self.rows(id, 1...UInt64(position + 5)))
      }
      var scan = log.scan(region: 1, batchRows: 4)
      #expect(try scan.all() == Self.rows(ids[0], 1...5) + Self.rows(ids[1], 1...6))
      scan = log.scan(region: 2, batchRows: 100)
      #expect(try scan.all() == Self.rows(ids[2], 1...7) + Self.rows(ids[3], 1...8))
      scan = log.scan(region: 3)
      #expect(try scan.all() == [])
    }
  }

  /// HoraeDB keeps one counter per table: that of the lowest region won.
  @Test func t07_aTableOfTwoRegionsKeepsBothCounters() throws {
    let fixture = try Fixture()
    let (low, high) = (TableID(region: 1, table: 7), TableID(region: 2, table: 7))
    try fixture.write(high, 9)
    try fixture.write(low, 2)
    try fixture.log.markFlushed(high, upTo: 9, .synced)
    try fixture.twice { (log) throws in
      #expect(log.lastSequence(low) == 2)
      #expect(log.lastSequence(high) == 9)
    }
    #expect(try fixture.write(high, 1) == 10...10)
    #expect(try fixture.write(low, 1) == 3...3)
  }

  @Test func t08t10_whatIsFlushedIsDeleted() throws {
    let fixture = try Fixture()
    try fixture.write(Self.table, 10)
    try fixture.log.markFlushed(Self.table, upTo: 5, .buffered)
    try fixture.twice { (log) throws in
      #expect(try all(log, Self.table) == Self.rows(Self.table, 6...10))
      #expect(try all(log, Self.table, .included(2), .included(7)).map(\.sequence) == [6, 7])
      #expect(log.flushedSequence(Self.table) == 5)
      #expect(log.lastSequence(Self.table) == 10)
    }
    try fixture.log.markFlushed(Self.table, upTo: 10, .buffered)
    try fixture.twice { (log) throws in
      #expect(try all(log, Self.table) == [])
      #expect(log.lastSequence(Self.table) == 10)
      #expect(log.flushPressure().isEmpty)
    }
    #expect(try fixture.write(Self.table, 2) == 11...12)
    try fixture.twice { (log) throws in
      #expect(try all(log, Self.table) == Self.rows(Self.table, 11...12))
    }
  }

  @Test func t09_marksDoNotTouchNeighbors() throws {
    let fixture = try Fixture()
    let ids = [
      TableID(region: 1, table: 1), TableID(region: 1, table: 2), TableID(region: 1, table: 3),
      TableID(region: 0, table: .max), TableID(region: 2, table: 0),
      TableID(region: .max, table: .max),
    ]
    for id in ids { try fixture.write(id, 4) }
    for id in [ids[1], ids[5]] { try fixture.log.markFlushed(id, upTo: 4, .synced) }
    try fixture.twice { (log) throws in
      for (position, id) in ids.enumerated() {
        let isFlushed = position == 1 || position == 5
        #expect(try all(log, id) == (isFlushed ? [] : Self.rows(id, 1...4)))
      }
    }
  }

  @Test func t12_spaceOfFlushedRowsIsUsedAgain() throws {
    let fixture = try Fixture()
    let kept = TableID(region: 1, table: 1)
    try fixture.write(kept, 5)
    let row = [UInt8](repeating: 3, count: 2000)
    for _ in 1...100 {
      let written = try #require(
        try fixture.log.write(Self.table, Array(repeating: row, count: 10), .buffered))
      try fixture.log.markFlushed(Self.table, upTo: written.upperBound, .buffered)
    }
    #expect(fixture.log.flushPressure().map(\.id) == [kept])
    try fixture.reopen()
    #expect(try all(fixture.log, kept) == Self.rows(kept, 1...5))
    #expect(fixture.log.lastSequence(Self.table) == 1000)
    #expect(try all(fixture.log, Self.table) == [])
  }

  /// Exact bytes in the database.
  @Test func t13_bytesAreHoraeDBs() throws {
    let fixture = try Fixture()
    try fixture.log.write(TableID(region: 1, table: 2), [[7], [8], [9, 9]], .synced)
    try fixture.log.markFlushed(TableID(region: 1, table: 2), upTo: 2, .synced)
    try fixture.store.close()
    let found = try Self.dump(fixture.path, ["default", "twal", "twal_meta"])
    let id: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    #expect(found["twal"] == [[1] + id + [0, 0, 0, 0, 0, 0, 0, 3, 0]: [0, 9, 9]])
    #expect(
      found["twal_meta"] == [
        [0, 1] + id + [0]: [1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2]
      ])
  }

  private static func dump(
    _ path: String, _ names: [String]
  ) throws -> [String: [[UInt8]: [UInt8]]] {
    let db = try DB(
      path: path, options: DBOptions(), families: names.map { ($0, FamilyOptions()) },
      readOnly: true)
    var found: [String: [[UInt8]: [UInt8]]] = [:]
    for family in db.families {
      let iterator = db.iterator(family)
      iterator.seekToFirst()
      while iterator.isValid {
        found[family.name, default: [:]][iterator.key] = iterator.value
        iterator.next()
      }
    }
    return found
  }

  @Test func t14_marksAreCheckedAndNeverGoBack() throws {
    let fixture = try Fixture()
    try fixture.write(Self.table, 5)
    for mark: UInt64 in [6, .max] {
      expectInvalid { try fixture.log.markFlushed(Self.table, upTo: mark, .synced) }
    }
    try fixture.log.markFlushed(Self.table, upTo: 3, .synced)
    try fixture.log.markFlushed(Self.table, upTo: 2, .synced)
    try fixture.log.markFlushed(Self.table, upTo: 0, .synced)
    try fixture.twice { (log) throws in #expect(log.flushedSequence(Self.table) == 3) }
  }

  @Test func t16t17_aTableContinuesElsewhereAndAfterItIsDropped() throws {
    let fixture = try Fixture()
    try fixture.write(Self.table, 5)
    let target = TableID(region: 8, table: 2)
    try fixture.log.continueSequence(
      target, after: fixture.log.lastSequence(Self.table))
    try fixture.log.continueSequence(target, after: 3)
    try fixture.log.drop(Self.table, .synced)
    try fixture.reopen()
    #expect(try fixture.write(target, 1) == 6...6)
    #expect(try all(fixture.log, Self.table) == [])
    #expect(try fixture.write(Self.table, 1) == 6...6)
    expectInvalid { try fixture.log.continueSequence(target, after: 100) }
  }

  @Test func t18_rowsAndEntriesAreOneBatch() throws {
    let fixture = try Fixture()
    var batch = LogBatch()
    batch.append(1, run(1, 1...3))
    let receipt = try fixture.store.sync()
    #expect(try fixture.log.write(Self.table, [[1]], .synced, with: batch) == 1...1)
    // One write with one barrier.
    #expect(try fixture.store.sync() == receipt + 1)
    try fixture.twice { (log) throws in
      #expect(try fixture.store.all(1) == run(1, 1...3))
      #expect(log.lastSequence(Self.table) == 1)
    }
    // A flush mark with entries, and neither if the batch is refused.
    batch = LogBatch()
    batch.append(1, run(1, 9...9))
    #expect(throws: LogStoreError.self) {
      try fixture.log.markFlushed(Self.table, upTo: 1, .synced, with: batch)
    }
    try fixture.twice { (log) throws in
      #expect(log.flushedSequence(Self.table) == 0)
      #expect(try fixture.store.all(1) == run(1, 1...3))
    }
    try fixture.store.verify(deep: true)
  }

  /// Also without the option the database opens with its tables, which stay.
  @Test func aRaftLogOpensADatabaseWithTables() throws {
    let fixture = try Fixture()
    try fixture.write(Self.table, 3)
    try fixture.store.close()
    let plain = try RocksDBLogStore(path: fixture.path)
    #expect(try all(TableLog(in: plain), Self.table).count == 3)
    try plain.close()
    let other = try RocksDBLogStore(path: fixture.child("other"))
    #expect(throws: LogStoreError.self) { try TableLog(in: other) }
  }

  // MARK: Damage

  /// Puts pairs into a family of the closed database.
  private static func put(
    _ path: String, _ family: Int, _ pairs: [([UInt8], [UInt8])]
  ) throws {
    let db = try DB(
      path: path, options: DBOptions(),
      families: ["default", "twal", "twal_meta"].map { ($0, FamilyOptions()) })
    var batch = DBWriteBatch()
    for (key, value) in pairs { batch.put(db.families[family], key, value) }
    try db.write(batch, sync: true)
  }

  @Test(
    arguments: [
      ([1, 2, 3], [0]), ([1] + [UInt8](repeating: 0, count: 24) + [1], [0]),
      ([1] + [UInt8](repeating: 0, count: 17), [0]),
    ] as [([UInt8], [UInt8])])
  func unknownRowsAreRefused(key: [UInt8], value: [UInt8]) throws {
    let fixture = try Fixture()
    try fixture.store.close()
    try Self.put(fixture.path, 1, [(key, value)])
    let store = try RocksDBLogStore(path: fixture.path, options: Fixture.options)
    let error = #expect(throws: LogStoreError.self) { try TableLog(in: store) }
    #expect(error.map { "\($0)" }?.contains("\(key)") == true)
  }

  @Test(
    arguments: [[], [0], [2] + [UInt8](repeating: 0, count: 16), [1, 0, 0, 0, 0, 0, 0, 0, 1]]
      as [[UInt8]])
  func unknownMetadataIsRefused(value: [UInt8]) throws {
    let fixture = try Fixture()
    try fixture.store.close()
    try Self.put(fixture.path, 2, [([0, 1] + [UInt8](repeating: 0, count: 17), value)])
    let store = try RocksDBLogStore(path: fixture.path, options: Fixture.options)
    #expect(throws: LogStoreError.self) { try TableLog(in: store) }
  }

  @Test func sequenceNumbersDoNotOverflow() throws {
    let fixture = try Fixture()
    try fixture.log.continueSequence(Self.table, after: .max - 3)
    #expect(try fixture.write(Self.table, 2) == (.max - 2)...(.max - 1))
    expectInvalid { try fixture.log.write(Self.table, [[1]], .synced) }
    try fixture.twice { (log) throws in
      #expect(try all(log, Self.table).count == 2)
    }
    try fixture.log.drop(Self.table, .synced)
    expectInvalid { try fixture.log.write(Self.table, [[1]], .synced) }
  }

  // MARK: Import

  /// A database in HoraeDB's layout, byte by byte.
  private static func horaeDB(_ path: String, old: Bool = false) throws {
    let db = try DB(path: path, options: DBOptions(), families: [("default", FamilyOptions())])
    var batch = DBWriteBatch()
    func number(_ value: UInt8) -> [UInt8] { [0, 0, 0, 0, 0, 0, 0, value] }
    if old { batch.put(db.families[0], [1] + number(1) + number(3) + [0], [0, 7]) }
    for (region, table, sequences): (UInt8, UInt8, ClosedRange<UInt8>) in [
      (1, 2, 3...9), (4, 2, 1...5),
    ] {
      for sequence in sequences {
        batch.put(
          db.families[0], [1] + number(region) + number(table) + number(sequence) + [0],
          [0, sequence])
      }
    }
    batch.put(db.families[0], [0, 0] + number(2) + [0], [0] + number(9))
    batch.put(db.families[0], [0, 0] + number(6) + [0], [0] + number(77))
    try db.write(batch, sync: true)
  }

  @Test func horaeDBsWALIsImported() throws {
    let fixture = try Fixture()
    try Self.horaeDB(fixture.child("horae"))
    #expect(try fixture.log.importHoraeDB(fixture.child("horae"), orphanRegion: 5) == 12)
    try fixture.twice { (log) throws in
      let found = try all(log, Self.table)
      #expect(found.map(\.sequence) == Array(3...9))
      #expect(found.map(\.row) == (3...9).map { [$0] })
      #expect(log.lastSequence(Self.table) == 9)
      // The maximum of the table counts for each of its regions.
      #expect(log.lastSequence(TableID(region: 4, table: 2)) == 9)
      #expect(log.lastSequence(TableID(region: 5, table: 6)) == 77)
    }
    #expect(throws: LogStoreError.self) {
      try fixture.log.importHoraeDB(fixture.child("horae"))
    }
  }

  @Test func keysWithoutATableAreRefused() throws {
    let fixture = try Fixture()
    try Self.horaeDB(fixture.child("horae"), old: true)
    let error = #expect(throws: LogStoreError.self) {
      try fixture.log.importHoraeDB(fixture.child("horae"))
    }
    #expect(error.map { "\($0)" }?.contains("without a table") == true)
  }
}
