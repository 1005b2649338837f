import Raft
import RaftLog
import Runtime
import Testing

/// The bytes of dgraph's `DiskStorage`: a directory of bytes that follow from the layout is read, what is written has that
/// layout, and damage is named.
struct DiskOriginalTests {
  private static func number(_ value: UInt64) -> [UInt8] { RaftwalModel.bytes(value) }

  private static func slot(_ term: UInt64, _ index: UInt64, _ offset: UInt64, _ type: UInt64 = 0)
    -> [UInt8]
  {
    number(term) + number(index) + number(offset) + number(type)
  }

  private static let base: UInt64 = 1 << 20

  private static func place(_ bytes: [UInt8], _ offset: Int, in file: inout [UInt8]) {
    if file.count < offset + bytes.count {
      file += [UInt8](repeating: 0, count: offset + bytes.count - file.count)
    }
    file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  /// Snapshot at 3 of term 2, entries 3 to 5 in a file that is full and 6 in the next, hard state.
  private static func directory() -> FaultyFiles {
    let files = FaultyFiles()
    var meta = [UInt8](repeating: 0, count: 1 << 20)
    place(number(0x0102_0304_0506_0708), 0, in: &meta)
    place(number(9), 8, in: &meta)
    place(number(4), 16, in: &meta)
    place([0, 0, 0, 6, 8, 3, 16, 7, 24, 5], 512, in: &meta)
    place(number(3) + number(2), 1024, in: &meta)
    place(
      [0, 0, 0, 14, 10, 2, 0xaa, 0xbb, 18, 8, 10, 2, 8, 1, 16, 3, 24, 2], 1040, in: &meta)
    files.place(meta, at: "/raft/wal.meta")
    var first = [UInt8](repeating: 0, count: 1 << 20)
    place(slot(2, 3, base), 0, in: &first)
    place(slot(3, 4, base + 7, 1), 32, in: &first)
    place(slot(3, 5, base + 11), 64, in: &first)
    first += [0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0xee]
    files.place(first, at: "/raft/00001.wal")
    var second = [UInt8](repeating: 0, count: 1 << 20)
    place(slot(3, 6, base), 0, in: &second)
    second += [0, 0, 0, 2, 5, 6] + [UInt8](repeating: 0, count: 5000)
    files.place(second, at: "/raft/00002.wal")
    return files
  }

  private static func open(_ files: FaultyFiles) throws(LogStoreError) -> DiskStorage {
    try DiskStorage(directory: "/raft", files: files)
  }

  private static let entries = [
    Entry(type: .confChange, term: 3, index: 4), Entry(term: 3, index: 5, data: [0xee]),
    Entry(term: 3, index: 6, data: [5, 6]),
  ]

  @Test func aDirectoryOfTheOriginalIsRead() throws {
    let storage = try Self.open(Self.directory())
    #expect(storage.format == .original)
    #expect(storage.uint(.raftID) == 0x0102_0304_0506_0708)
    #expect(storage.uint(.groupID) == 9)
    #expect(storage.checkpoint == 4)
    #expect(storage.hardState == HardState(term: 3, vote: 7, commit: 5))
    #expect(
      storage.snapshot
        == Snapshot(
          data: [0xaa, 0xbb],
          metadata: SnapshotMetadata(confState: ConfState(voters: [1]), index: 3, term: 2)))
    #expect(storage.firstIndex == 4)
    #expect(try storage.entries(from: 4, to: 7, maxBytes: .max) == Self.entries)
    #expect(storage.numberOfLogFiles == 1)
  }

  /// Without a snapshot the log begins with its first entry.
  @Test func theFirstIndexWithoutASnapshot() throws {
    let files = Self.directory()
    var meta = try #require(files.bytes(of: "/raft/wal.meta"))
    Self.place([UInt8](repeating: 0, count: 40), 1024, in: &meta)
    files.place(meta, at: "/raft/wal.meta")
    #expect(try Self.open(files).firstIndex == 3)
  }

  @Test func whatIsWrittenHasItsLayout() throws {
    let files = FaultyFiles()
    var options = DiskStorageOptions()
    options.format = .original
    options.raftID = 0x0102_0304_0506_0708
    options.groupID = 9
    let storage = try DiskStorage(directory: "/raft", files: files, options: options)
    try storage.setUint(.checkpointIndex, 4)
    try storage.save(
      HardState(term: 3, vote: 7, commit: 5),
      [Entry(term: 2, index: 1, data: [1, 2, 3]), Entry(type: .confChange, term: 3, index: 2)]
        + [Entry(term: 3, index: 3, data: [7]), Entry(term: 3, index: 4), entry(3, 5)])
    // In place of the last two: at the same place.
    try storage.save(HardState(), [Entry(term: 4, index: 4, data: [8, 9]), entry(4, 5)])
    try storage.createSnapshot(at: 1, ConfState(voters: [1]), data: [0xaa, 0xbb])
    try storage.close()
    let meta = try #require(files.bytes(of: "/raft/wal.meta"))
    #expect(
      Array(meta[..<24]) == Self.number(0x0102_0304_0506_0708) + Self.number(9) + Self.number(4))
    #expect(Array(meta[512..<522]) == [0, 0, 0, 6, 8, 3, 16, 7, 24, 5])
    #expect(
      Array(meta[1024..<1060])
        == Self.number(1) + Self.number(2)
        + [0, 0, 0, 16, 10, 2, 0xaa, 0xbb, 18, 10, 10, 4, 8, 1, 40, 0, 16, 1, 24, 2])
    let log = try #require(files.bytes(of: "/raft/00001.wal"))
    let slots =
      Self.slot(2, 1, Self.base) + Self.slot(3, 2, Self.base + 7, 1)
      + Self.slot(3, 3, Self.base + 11) + Self.slot(4, 4, Self.base + 16)
      + Self.slot(4, 5, Self.base + 22) + [UInt8](repeating: 0, count: 32)
    #expect(Array(log[..<192]) == slots)
    #expect(
      Array(log[(1 << 20)...])
        == [0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9, 0, 0, 0, 3]
        + Array("4/5".utf8))
    #expect(log[960_000..<1 << 20].allSatisfy { $0 == 0 })
  }

  /// Jumping back into an older file removes the newer ones and zeroes slots only (B-1).
  @Test func aJumpBackIntoAnOlderFile() throws {
    let files = Self.directory()
    var log = try #require(files.bytes(of: "/raft/00001.wal"))
    Self.place([0xf0, 0xf1], (1 << 20) - 4, in: &log)
    files.place(log, at: "/raft/00001.wal")
    let storage = try Self.open(files)
    try storage.save(HardState(), run(5, 5...6))
    try storage.close()
    #expect(files.bytes(of: "/raft/00002.wal") == nil)
    let kept = try #require(files.bytes(of: "/raft/00001.wal"))
    #expect(kept[(1 << 20) - 4] == 0xf0)
    let again = try Self.open(files)
    #expect(try again.entries(from: 4, to: 7, maxBytes: .max) == [Self.entries[0]] + run(5, 5...6))
  }

  @Test func dataOfOldEntriesIsCleared() throws {
    let files = Self.directory()
    let storage = try Self.open(files)
    try storage.truncateEntries(until: 6)
    var left = Self.entries
    left[1].data = []
    #expect(try storage.entries(from: 4, to: 7, maxBytes: .max) == left)
    try storage.close()
    #expect(try Self.open(files).entries(from: 4, to: 7, maxBytes: .max) == left)
  }

  /// Each is damage that the original reads as something else.
  @Test func damageIsNamed() throws {
    let changes: [(file: String, offset: Int, bytes: [UInt8], place: String)] = [
      // A lost slot page (B-7), a hole, falling terms, a lost payload page (B-2), offsets outside.
      ("00001.wal", 32, [UInt8](repeating: 0, count: 32), "00001.wal, offset 32"),
      ("00001.wal", 40, Self.number(5), "00001.wal, offset 32"),
      ("00001.wal", 64, Self.number(1), "00001.wal, offset 64"),
      ("00002.wal", 8, Self.number(8), "00002.wal, offset 0"),
      ("00001.wal", (1 << 20) + 11, [0, 0, 0, 9], "00001.wal, offset 1048587"),
      ("00001.wal", 80, Self.number(.max), "00001.wal, offset 64"),
      ("00001.wal", 56, Self.number(77), "00001.wal, offset 32"),
      ("00001.wal", (1 << 20) - 16, Self.number(3), "00001.wal"),
      // A state of which only a part was written (B-8).
      ("wal.meta", 1024, Self.number(4), "wal.meta, offset 1024"),
      ("wal.meta", 1040, [0, 0, 0, 0], "wal.meta, offset 1024"),
      ("wal.meta", 512, [0, 0, 9, 9], "wal.meta, offset 512"),
      ("wal.meta", 521, [99], "wal.meta, offset 512"),
    ]
    for (file, offset, bytes, place) in changes {
      let files = Self.directory()
      var content = try #require(files.bytes(of: "/raft/" + file))
      Self.place(bytes, offset, in: &content)
      files.place(content, at: "/raft/" + file)
      let error = #expect(throws: LogStoreError.self, "\(place)") {
        let storage = try Self.open(files)
        _ = try storage.entries(from: 4, to: storage.lastIndex + 1, maxBytes: .max)
      }
      #expect(error.map { "\($0)" }?.contains("/raft/" + place) == true, "\(error as Any)")
    }
    let files = Self.directory()
    try files.remove("/raft/wal.meta")
    #expect(throws: LogStoreError.self) { _ = try Self.open(files) }
  }

  /// A payload page that is lost is no empty entry (B-2).
  @Test func aLostPayloadIsNamed() throws {
    let files = Self.directory()
    var content = try #require(files.bytes(of: "/raft/00001.wal"))
    Self.place([UInt8](repeating: 0, count: 7), 1 << 20, in: &content)
    files.place(content, at: "/raft/00001.wal")
    var meta = try #require(files.bytes(of: "/raft/wal.meta"))
    Self.place([UInt8](repeating: 0, count: 40), 1024, in: &meta)
    files.place(meta, at: "/raft/wal.meta")
    let storage = try Self.open(files)
    let error = #expect(throws: LogStoreError.self) {
      try storage.entries(from: 3, to: 7, maxBytes: .max)
    }
    #expect(error.map { "\($0)" }?.contains("00001.wal, offset 1048576") == true)
    #expect(try storage.entries(from: 4, to: 7, maxBytes: .max) == Self.entries)
  }
}
