import Foundation
import RocksDB
import TestSupport
import Testing

struct DBTests {
  private let scratch: TemporaryDirectory

  init() throws {
    scratch = try TemporaryDirectory("rocksdb")
  }

  private func open(
    _ name: String = "db", families: [String] = ["default"], options: DBOptions = DBOptions(),
    readOnly: Bool = false
  ) throws(RocksDBError) -> DB {
    try DB(
      path: scratch.child(name), options: options,
      families: families.map { ($0, FamilyOptions()) }, readOnly: readOnly)
  }

  private func put(_ db: DB, _ pairs: [(String, String)]) throws {
    var batch = DBWriteBatch()
    for (key, value) in pairs { batch.put(db.families[0], Array(key.utf8), Array(value.utf8)) }
    try db.write(batch, sync: true)
  }

  private func get(_ db: DB, _ key: String) throws -> String? {
    try db.get(db.families[0], Array(key.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func valuesSurviveReopening() throws {
    var db: DB? = try open()
    if let db { try put(db, [("a", "1"), ("b", "")]) }
    db = nil
    let again = try open()
    #expect(try get(again, "a") == "1")
    #expect(try get(again, "b") == "")
    #expect(try get(again, "c") == nil)
  }

  @Test func familiesAreCreatedAndKeptApart() throws {
    var db: DB? = try open(families: ["default", "x"])
    if let db {
      var batch = DBWriteBatch()
      batch.put(db.families[0], [1], [10])
      batch.put(db.families[1], [1], [20])
      #expect(batch.count == 2)
      try db.write(batch, sync: false)
      #expect(try db.get(db.families[0], [1]) == [10])
      #expect(try db.get(db.families[1], [1]) == [20])
    }
    db = nil
    #expect(try DB.familyNames(path: scratch.child("db")) == ["default", "x"])
    let error = #expect(throws: RocksDBError.self) { try open() }
    #expect(error?.kind == .invalid)
  }

  @Test func aSecondOpenIsLockedAndReleasingUnlocks() throws {
    var db: DB? = try open()
    let error = #expect(throws: RocksDBError.self) { try open() }
    #expect(error?.kind == .locked)
    #expect(error?.operation.contains(scratch.child("db")) == true)
    _ = db?.families
    db = nil
    _ = try open()
  }

  @Test func childrenKeepTheDatabaseOpen() throws {
    var db: DB? = try open()
    if let db { try put(db, [("a", "1")]) }
    let family = try #require(db?.families[0])
    func snapshotAndIterator() throws -> (DBSnapshot, RocksDBIteratorBox) {
      let open = try #require(db)
      return (open.snapshot(), RocksDBIteratorBox(open.iterator(family)))
    }
    do {
      let (snapshot, box) = try snapshotAndIterator()
      db = nil
      box.iterator.seekToFirst()
      #expect(box.iterator.key == Array("a".utf8))
      #expect(throws: RocksDBError.self) { try open() }
      _ = snapshot
    }
  }

  @Test func aReadOnlyDatabaseReadsAndDoesNotWrite() throws {
    let writer = try open()
    try put(writer, [("a", "1")])
    let reader = try open(readOnly: true)
    #expect(try get(reader, "a") == "1")
    #expect(throws: RocksDBError.self) { try put(reader, [("a", "2")]) }
  }

  @Test func aMissingDatabaseIsNotCreatedWithoutCreateIfMissing() throws {
    var options = DBOptions()
    options.createIfMissing = false
    let error = #expect(throws: RocksDBError.self) { try open(options: options) }
    #expect(error?.kind == .notFound)
  }

  @Test func aCorruptManifestIsCorruption() throws {
    var db: DB? = try open()
    if let db { try put(db, [("a", "1")]) }
    db = nil
    let names = try FileManager.default.contentsOfDirectory(atPath: scratch.child("db"))
    let manifest = try #require(names.first { $0.hasPrefix("MANIFEST") })
    let url = URL(fileURLWithPath: scratch.child("db/\(manifest)"))
    var content = try Data(contentsOf: url)
    for position in content.indices { content[position] ^= 0x55 }
    try content.write(to: url)
    let error = #expect(throws: RocksDBError.self) { try open() }
    #expect(error?.kind == .corruption)
  }

  @Test func iteratorsKeepToTheirBounds() throws {
    let db = try open()
    try put(db, [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])
    let iterator = db.iterator(db.families[0], from: Array("b".utf8), to: Array("d".utf8))
    iterator.seekToFirst()
    var keys: [[UInt8]] = []
    while iterator.isValid {
      keys.append(iterator.key)
      iterator.next()
    }
    try iterator.finish()
    #expect(keys == [Array("b".utf8), Array("c".utf8)])
    iterator.seekToLast()
    let last = iterator.withValue { $0.withUnsafeBytes { Array($0) } }
    #expect(last == Array("3".utf8))
  }

  @Test func multiGetReturnsValuesInOrder() throws {
    let db = try open()
    try put(db, [("a", "1"), ("c", "")])
    let keys = ["c", "b", "a", "a"].map { Array($0.utf8) }
    #expect(try db.multiGet(db.families[0], keys) == [[], nil, Array("1".utf8), Array("1".utf8)])
    #expect(try db.multiGet(db.families[0], []).isEmpty)
  }

  @Test func aValueInTwoPartsIsConcatenated() throws {
    let db = try open()
    var batch = DBWriteBatch()
    let (key, head, tail): ([UInt8], [UInt8], [UInt8]) = ([1], [2, 3], [4])
    batch.put(db.families[0], key.span.bytes, head.span.bytes, tail.span.bytes)
    try db.write(batch, sync: false)
    #expect(try db.get(db.families[0], [1]) == [2, 3, 4])
  }

  @Test func deleteFilesInRangeExcludesTheEnd() throws {
    let db = try open()
    try put(db, [("a", "1"), ("b", "2")])
    try db.flush(db.families)
    // Files of level 0 are never dropped.
    db.compactRange(db.families[0], from: nil, to: nil)
    try db.deleteFilesInRange(db.families[0], from: Array("a".utf8), to: Array("b".utf8))
    #expect(try get(db, "a") == "1")
    try db.deleteFilesInRange(db.families[0], from: Array("a".utf8), to: Array("b\0".utf8))
    #expect(try get(db, "a") == nil)
  }

  @Test func propertiesAndSizes() throws {
    let db = try open()
    try put(db, (0..<1000).map { ("key\($0)", String(repeating: "v", count: 100)) })
    try db.flush(db.families)
    #expect(db.property("rocksdb.estimate-num-keys", db.families[0]) == 1000)
    #expect(db.property("no such thing", db.families[0]) == nil)
    #expect(db.text("rocksdb.stats", db.families[0]) != nil)
    #expect(try db.approximateSize(db.families[0], from: [0], to: [0xff]) > 10_000)
  }

  /// In a process of its own, which may not write files above a certain size.
  @Test func aFailedWriteIsTheLast() async {
    await #expect(processExitsWith: .success) {
      signal(SIGXFSZ, SIG_IGN)
      let scratch = try TemporaryDirectory("rocksdb")
      let db = try DB(
        path: scratch.child("db"), options: DBOptions(),
        families: [("default", FamilyOptions())])
      var limit = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      var failures: [RocksDBError] = []
      for key: UInt8 in 0..<64 {
        var batch = DBWriteBatch()
        batch.put(db.families[0], [key], [UInt8](repeating: key, count: 64 << 10))
        do throws(RocksDBError) {
          try db.write(batch, sync: key % 2 == 0)
          #expect(failures.isEmpty)
        } catch {
          failures.append(error)
        }
      }
      let first = try #require(failures.first)
      #expect(first.kind == .io)
      #expect(failures.allSatisfy { $0 == first })
      #expect(throws: first) { try db.syncWAL() }
      #expect(throws: first) { try db.flush(db.families) }
      #expect(try db.get(db.families[0], [0])?.count == 64 << 10)
    }
  }

  @Test func aTemporaryDatabaseIsRemovedOnClose() throws {
    let path = scratch.child("temporary")
    do {
      let db = try DB(
        path: path, options: DBOptions(), families: [("default", FamilyOptions())],
        temporary: true)
      try put(db, [("a", "1")])
    }
    #expect(!FileManager.default.fileExists(atPath: path + "/CURRENT"))
  }
}

/// Holds an iterator, which is not copyable, in a value that is.
private final class RocksDBIteratorBox {
  let iterator: DBIterator

  init(_ iterator: consuming DBIterator) {
    self.iterator = iterator
  }
}
