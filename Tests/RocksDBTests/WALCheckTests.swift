import Foundation
import TestSupport
import Testing

@testable import RocksDB

/// Which write-ahead logs are refused, on files that RocksDB wrote.
struct WALCheckTests {
  private let scratch: TemporaryDirectory

  init() throws {
    scratch = try TemporaryDirectory("rocksdb")
  }

  /// A database's files after synced writes, none of them flushed.
  private struct Written {
    var directory: String
    var log: String
    var bytes: [UInt8]
    /// Where the last write's record begins, or the end of a block before it.
    var lastStart: Int
    var keys: Int
  }

  private func open(
    _ path: String, synced: DBOptions.SyncedWrites = .some, families: [String] = ["default"]
  ) throws(RocksDBError) -> DB {
    var options = DBOptions()
    options.syncedWrites = synced
    return try DB(path: path, options: options, families: families.map { ($0, FamilyOptions()) })
  }

  private func put(_ db: DB, _ number: Int, _ value: [UInt8], family: Int = 0) throws {
    var batch = DBWriteBatch()
    batch.put(db.families[family], Array(String(number).utf8), value)
    try db.write(batch, sync: true)
  }

  private func logs(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory)
      .filter { $0.hasSuffix(".log") }.sorted().map { directory + "/" + $0 }
  }

  private func read(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path)))
  }

  private func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
    try Data(bytes).write(to: URL(filePath: path))
  }

  private func value(_ size: Int, _ seed: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: ($0 &* 31 ^ seed &* 7) | 1) }
  }

  private func written(_ name: String, sizes: [Int]) throws -> Written {
    let directory = scratch.child(name)
    let db = try open(directory)
    let log = try #require(try logs(directory).last)
    var lastStart = 0
    for (number, size) in sizes.enumerated() {
      lastStart = try read(log).count
      try put(db, number, value(size, number))
    }
    return Written(
      directory: directory, log: log, bytes: try read(log), lastStart: lastStart,
      keys: sizes.count)
  }

  /// 40 small writes, one over several blocks, 20 more.
  private static let mixed =
    (0..<40).map { 20 + $0 * 53 } + [100_000] + (0..<20).map { 900 - $0 * 41 }

  private func refusal(_ written: Written, allSynced: Bool = true) -> RocksDBError? {
    do throws(RocksDBError) {
      try WALCheck.run(written.directory, allSynced: allSynced)
      return nil
    } catch {
      return error
    }
  }

  @Test func checksumsAreCastagnolis() {
    let bytes = Array("123456789".utf8)
    #expect(bytes.withUnsafeBytes { CRC32C.checksum($0) } == 0xE306_9283)
    #expect([UInt8](repeating: 0, count: 32).withUnsafeBytes { CRC32C.checksum($0) } == 0x8A91_36AA)
    #expect((0..<32).map { UInt8($0) }.withUnsafeBytes { CRC32C.checksum($0) } == 0x46DD_794E)
  }

  @Test func anUndamagedLogPassesAndIsOpened() throws {
    let written = try written("db", sizes: Self.mixed)
    #expect(refusal(written) == nil)
    _ = try open(written.directory, synced: .all)
    #expect(refusal(written) == nil)
  }

  @Test func aMissingDirectoryHasNoLogs() throws {
    try WALCheck.run(scratch.child("none"), allSynced: true)
  }

  /// Whatever byte is changed: either the database is refused, or at most the last write is lost.
  @Test(arguments: [true, false])
  func aChangedByteIsNeverASilentLoss(allSynced: Bool) throws {
    let written = try written("db", sizes: Self.mixed)
    var refused = 0
    var offsets = Array(stride(from: 0, to: written.bytes.count, by: 397))
    offsets += written.lastStart - 40..<written.lastStart + 20
    for offset in offsets {
      var bytes = written.bytes
      bytes[offset] ^= 0x40
      try write(bytes, to: written.log)
      if let error = refusal(written, allSynced: allSynced) {
        #expect(error.kind == .corruption)
        #expect(error.message.contains(written.log))
        #expect(offset < written.lastStart, "byte \(offset) is in the last write")
        refused += 1
        continue
      }
      let copy = scratch.child("copy-\(offset)")
      try FileManager.default.copyItem(atPath: written.directory, toPath: copy)
      let db = try open(copy)
      for key in 0..<written.keys - 1 {
        let found = try db.get(db.families[0], Array(String(key).utf8))
        #expect(found != nil, "byte \(offset): key \(key)")
      }
    }
    #expect(refused > 250)
  }

  @Test func aRefusalNamesFileAndOffsetAndChangesNothing() throws {
    let written = try written("db", sizes: [100, 200, 300, 400])
    var bytes = written.bytes
    bytes[written.lastStart / 2] ^= 1
    try write(bytes, to: written.log)
    for synced in [DBOptions.SyncedWrites.all, .most] {
      let error = #expect(throws: RocksDBError.self) { try open(written.directory, synced: synced) }
      #expect(error?.kind == .corruption)
      #expect(error?.message.contains("\(written.log) is damaged at byte ") == true)
    }
    #expect(try read(written.log) == bytes)
  }

  @Test func aLogThatWasCutOffAnywherePasses() throws {
    let written = try written("db", sizes: Self.mixed)
    for length in stride(from: 0, to: written.bytes.count, by: 1511) {
      try write(written.bytes.prefix(length), to: written.log)
      #expect(refusal(written) == nil, "\(length) bytes")
      let zeros = repeatElement(UInt8(0), count: written.bytes.count - length)
      try write(written.bytes.prefix(length) + zeros, to: written.log)
      #expect(refusal(written) == nil, "zeros from byte \(length)")
    }
  }

  /// The pages of one write reach the disk in any order.
  @Test func aTornWriteOfManyBlocksPasses() throws {
    let written = try written("db", sizes: [100, 2000, 300, 200_000])
    for offset in stride(from: written.lastStart, to: written.bytes.count, by: 1009) {
      var bytes = written.bytes
      for offset in offset..<min(bytes.count, offset + 4096) { bytes[offset] = 0 }
      try write(bytes, to: written.log)
      #expect(refusal(written) == nil, "zeros from byte \(offset)")
    }
  }

  /// Where some writes are not synced, a page of zeros before intact records may be a crash's work.
  @Test func anUnwrittenPageIsDamageOnlyWhereAllIsSynced() throws {
    let written = try written("db", sizes: Self.mixed)
    var bytes = written.bytes
    for offset in 8192..<12_288 { bytes[offset] = 0 }
    try write(bytes, to: written.log)
    #expect(refusal(written, allSynced: true) != nil)
    #expect(refusal(written, allSynced: false) == nil)
  }

  /// What users store may look like a log, even like the database's own.
  @Test func recordsInsideATornValueAreNotCounted() throws {
    let directory = scratch.child("db")
    let db = try open(directory)
    let log = try #require(try logs(directory).last)
    for number in 0..<20 { try put(db, number, value(100, number)) }
    let own = try read(log)
    try put(db, 20, own)
    let bytes = try read(log)
    for offset in own.count..<own.count + 60 {
      var changed = bytes
      changed[offset] ^= 0x10
      try write(changed, to: log)
      try WALCheck.run(directory, allSynced: true)
    }
  }

  // MARK: More than one log

  /// Two logs, of which the first is still needed: its last write and the later log's first follow one
  /// another.
  private func twoLogs(_ name: String) throws -> (directory: String, logs: [String]) {
    let directory = scratch.child(name)
    let db = try open(directory, families: ["default", "other"])
    for number in 0..<10 { try put(db, number, value(200, number), family: number % 2) }
    try db.flush([db.families[0]])
    for number in 10..<20 { try put(db, number, value(200, number), family: number % 2) }
    return (directory, try logs(directory))
  }

  @Test func theLastWriteOfALogIsDamagedIfALaterLogGoesOn() throws {
    let (directory, logs) = try twoLogs("db")
    try #require(logs.count == 2)
    try WALCheck.run(directory, allSynced: true)
    let bytes = try read(logs[0])
    for offset in [bytes.count - 1, bytes.count - 150, bytes.count - 215] {
      var changed = bytes
      changed[offset] ^= 2
      try write(changed, to: logs[0])
      for allSynced in [true, false] {
        let error = #expect(throws: RocksDBError.self) {
          try WALCheck.run(directory, allSynced: allSynced)
        }
        #expect(error?.message.contains(logs[0]) == true)
      }
    }
    try write(bytes.dropLast(), to: logs[0])
    #expect(throws: RocksDBError.self) { try WALCheck.run(directory, allSynced: true) }
    try WALCheck.run(directory, allSynced: false)
  }

  /// Recovery may stop between making the next log and removing the one that was cut off.
  @Test func aRecoveredLogThatWasCutOffMayRemain() throws {
    let written = try written("db", sizes: [100, 200, 300, 400])
    let cut = Array(written.bytes.dropLast(5))
    try write(cut, to: written.log)
    do {
      let db = try open(written.directory, synced: .all)
      for number in 10..<20 { try put(db, number, value(100, number)) }
    }
    try write(cut, to: written.log)
    try #require(try logs(written.directory).count == 2)
    #expect(refusal(written) == nil)
    let db = try open(written.directory, synced: .all)
    for number in [0, 1, 2] + Array(10..<20) {
      #expect(try db.get(db.families[0], Array(String(number).utf8)) != nil)
    }
  }
}
