import Raft
import RaftLog
import Runtime
import TestSupport
import Testing

/// dgraph's tests of `DiskStorage` and what its files do not have, on both formats.
struct DiskStorageTests {
  private static func open(
    _ files: any RandomAccessFileSystem, _ format: DiskFormat = .strict, _ path: String = "/raft",
    slots: UInt32 = 100
  ) throws(LogStoreError) -> DiskStorage {
    var options = DiskStorageOptions()
    options.format = format
    options.raftID = 1
    options.groupID = 2
    options.slotsPerFile = slots
    return try DiskStorage(directory: path, files: files, options: options)
  }

  private static func all(_ storage: DiskStorage) throws -> [Entry] {
    try storage.entries(from: storage.firstIndex, to: storage.lastIndex + 1, maxBytes: .max)
  }

  /// Checks now, after a kill, and after the storage was opened again.
  private static func twice(
    _ storage: DiskStorage, _ files: FaultyFiles, _ check: (DiskStorage) throws -> Void
  ) throws -> DiskStorage {
    try check(storage)
    try check(open(files.copy()))
    try storage.close()
    let again = try open(files)
    try check(again)
    return again
  }

  @Test(arguments: [DiskFormat.original, .strict])
  func aNewStorageIsEmptyAndKeepsWhatIsSet(format: DiskFormat) throws {
    let files = FaultyFiles()
    var storage = try Self.open(files, format)
    storage = try Self.twice(storage, files) { (storage) throws in
      #expect(storage.format == format)
      #expect(storage.firstIndex == 1)
      #expect(storage.lastIndex == 0)
      #expect(try storage.term(at: 0) == 0)
      #expect(storage.hardState == HardState())
      #expect(storage.snapshot == Snapshot())
      #expect(storage.uint(.raftID) == 1)
      #expect(storage.uint(.groupID) == 2)
      #expect(storage.numberOfEntries == 0)
      #expect(storage.numberOfLogFiles == 0)
      expect(.unavailable(last: 0)) { try storage.entries(from: 1, to: 2, maxBytes: .max) }
    }
    let snapshot = Snapshot(
      data: [1, 2, 3],
      metadata: SnapshotMetadata(
        confState: ConfState(voters: [7, 300], learners: [8]), index: 1000, term: 4))
    try storage.setUint(.checkpointIndex, 77)
    try storage.setUint(.raftID, .max)
    try storage.save(HardState(term: 4, vote: 3, commit: 900), [], snapshot)
    storage = try Self.twice(storage, files) { (storage) throws in
      #expect(storage.checkpoint == 77)
      #expect(storage.uint(.raftID) == .max)
      #expect(storage.snapshot == snapshot)
      #expect(storage.hardState == HardState(term: 4, vote: 3, commit: 900))
      #expect(storage.initialState().1 == ConfState(voters: [7, 300], learners: [8]))
      #expect(storage.firstIndex == 1001)
      #expect(storage.lastIndex == 1000)
      #expect(try storage.term(at: 1000) == 4)
    }
  }

  /// Entries, terms and limits; and no hole (B-4), nothing below the first index (B-6).
  @Test(arguments: [DiskFormat.original, .strict])
  func entriesAndTheirErrors(format: DiskFormat) throws {
    let files = FaultyFiles()
    let storage = try Self.open(files, format)
    try storage.save(HardState(), run(1, 1...3) + [entry(4, 4), entry(5, 5), entry(6, 6)])
    try storage.createSnapshot(at: 3, ConfState(voters: [1]), data: [9])
    expect(.gap(region: 2, expected: 7, got: 9)) { try storage.save(HardState(), run(6, 9...9)) }
    expect(.snapshotOutOfDate(currentIndex: 3, currentTerm: 1)) {
      try storage.createSnapshot(at: 3, ConfState(), data: [])
    }
    expect(.unavailable(last: 6)) { try storage.createSnapshot(at: 7, ConfState(), data: []) }
    _ = try Self.twice(storage, files) { (storage) throws in
      expect(.compacted(first: 4)) { try storage.term(at: 2) }
      let terms = try (3...6).map { try storage.term(at: $0) }
      #expect(terms == [1, 4, 5, 6])
      expect(.unavailable(last: 6)) { try storage.term(at: 7) }
      expect(.compacted(first: 4)) { try storage.entries(from: 3, to: 5, maxBytes: .max) }
      expect(.unavailable(last: 6)) { try storage.entries(from: 4, to: 8, maxBytes: .max) }
      let exact = entry(4, 4).encodedSize + entry(5, 5).encodedSize
      for (limit, count) in [(0, 1), (exact - 1, 1), (exact, 2), (exact + 1, 2), (.max, 3)] {
        #expect(try storage.entries(from: 4, to: 7, maxBytes: limit).count == count)
      }
      #expect(storage.numberOfEntries == 3)
      #expect(storage.snapshot.data == [9])
    }
  }

  @Test(arguments: [DiskFormat.original, .strict])
  func appendsReplaceTheTail(format: DiskFormat) throws {
    let base = [entry(3, 3), entry(4, 4), entry(5, 5)]
    let table: [(added: [Entry], left: [Entry])] = [
      (base, base),
      ([entry(3, 3), entry(6, 4), entry(6, 5)], [entry(3, 3), entry(6, 4), entry(6, 5)]),
      (base + [entry(5, 6)], base + [entry(5, 6)]),
      ([entry(2, 2), entry(3, 3), entry(5, 4)], [entry(3, 3), entry(5, 4)]),
      ([entry(5, 4)], [entry(3, 3), entry(5, 4)]),
      ([entry(5, 6)], base + [entry(5, 6)]),
    ]
    for (row, (added, left)) in table.enumerated() {
      let files = FaultyFiles()
      let storage = try Self.open(files, format)
      try storage.save(HardState(), run(2, 1...2) + base)
      try storage.createSnapshot(at: 2, ConfState(), data: [])
      try storage.save(HardState(), added)
      _ = try Self.twice(storage, files) { (storage) throws in
        #expect(try Self.all(storage) == left, "row \(row)")
      }
    }
  }

  /// A snapshot of another log leaves nothing of the old one (B-5), and one beyond the end no hole.
  @Test(arguments: [DiskFormat.original, .strict])
  func aSnapshotFromALeaderReplacesTheLog(format: DiskFormat) throws {
    for (index, term, left): (UInt64, UInt64, [Entry]) in [
      (5, 3, []), (100, 3, []), (5, 1, run(1, 6...10)),
    ] {
      let files = FaultyFiles()
      var storage = try Self.open(files, format)
      try storage.save(HardState(term: 1, vote: 1, commit: 4), run(1, 1...10))
      let snapshot = Snapshot(metadata: SnapshotMetadata(index: index, term: term))
      try storage.save(HardState(), [], snapshot)
      storage = try Self.twice(storage, files) { (storage) throws in
        #expect(try Self.all(storage) == left)
        #expect(storage.firstIndex == index + 1)
        #expect(try storage.term(at: index) == term)
      }
      let next = storage.lastIndex + 1
      try storage.save(HardState(), run(7, next...next + 1))
      _ = try Self.twice(storage, files) { (storage) throws in
        #expect(try Self.all(storage) == left + run(7, next...next + 1))
      }
    }
  }

  /// TestStorageBig, smaller: files, jumps back into older ones, and a snapshot that leaves one.
  @Test func jumpsBackIntoOlderFiles() throws {
    let files = FaultyFiles()
    var storage = try Self.open(files)
    let count: UInt64 = 3000
    for start in stride(from: 1, to: count, by: 100) {
      try storage.save(HardState(), run(1, start...start + 99))
    }
    #expect(storage.numberOfLogFiles == 29)
    try storage.save(HardState(), run(2, count / 3...count / 3))
    storage = try Self.twice(storage, files) { (storage) throws in
      #expect(storage.lastIndex == count / 3)
      #expect(try storage.term(at: count / 3) == 2)
    }
    try storage.save(HardState(), run(3, count / 3 + 1...count))
    try storage.createSnapshot(at: count - 100, ConfState(), data: [])
    try storage.save(HardState(), run(4, count - 50...count - 50))
    try storage.sync()
    storage = try Self.twice(storage, files) { (storage) throws in
      #expect(storage.numberOfEntries == 50)
      #expect(
        try Self.all(storage) == run(3, count - 99...count - 51) + [entry(4, count - 50)])
    }
    #expect(files.paths.filter { $0.hasSuffix(".wal") }.count <= 3)
  }

  /// State of any length near the ends of its slots (B-3).
  @Test(arguments: [DiskFormat.original, .strict])
  func snapshotsOfAnyLength(format: DiskFormat) throws {
    let files = FaultyFiles()
    var storage = try Self.open(files, format)
    try storage.save(HardState(term: 1, vote: 1, commit: 1), run(1, 1...40))
    let metaBytes = 1 << 20
    let lengths =
      format == .strict
      ? [0, 1] + Array(4000...4096) + [8150, 8192, 20_000, 1 << 20]
      : [0, 1] + Array(metaBytes - 1070...metaBytes - 1040) + [metaBytes, 3 << 20]
    for (position, length) in lengths.enumerated() {
      let data = [UInt8](repeating: UInt8(position % 251), count: length)
      try storage.save(
        HardState(), [],
        Snapshot(data: data, metadata: SnapshotMetadata(index: 100 + UInt64(position), term: 2)))
      if position % 20 == 0 || length > 5000 {
        try storage.close()
        storage = try Self.open(files)
      }
      let isSame = storage.snapshot.data == data
      #expect(isSame, "length \(length)")
      #expect(storage.lastIndex == 100 + UInt64(position))
    }
  }

  @Test func aSecondOpenIsLockedAndCloseEndsIt() throws {
    let files = FaultyFiles()
    let storage = try Self.open(files)
    let error = #expect(throws: LogStoreError.self) { _ = try Self.open(files) }
    guard case .locked("/raft", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    try storage.close()
    try storage.close()
    expect(.closed) { try storage.save(HardState(), run(1, 1...1)) }
    expect(.closed) { try storage.entries(from: 1, to: 1, maxBytes: 0) }
    expect(.closed) { try storage.sync() }
    _ = try Self.open(files)
  }

  /// On the disk, in directories that do not exist yet.
  @Test(arguments: [DiskFormat.original, .strict])
  func filesOfTheSystem(format: DiskFormat) throws {
    let directory = try TemporaryDirectory("disk")
    let path = directory.child("a/b")
    var storage = try Self.open(SystemFileSystem(), format, path)
    let entries = (1...250 as ClosedRange<UInt64>).map {
      Entry(term: 1, index: $0, data: [UInt8](repeating: UInt8($0 % 256), count: Int($0) * 3))
    }
    try storage.save(HardState(term: 1, vote: 2, commit: 200), entries)
    try storage.createSnapshot(at: 120, ConfState(voters: [1]), data: [5])
    try storage.close()
    storage = try Self.open(SystemFileSystem(), format, path)
    let isSame = try Self.all(storage) == Array(entries[120...])
    #expect(isSame)
    #expect(storage.snapshot.data == [5])
    #expect(storage.hardState.commit == 200)
  }
}
