import Raft
import RaftLog
import Runtime
import Testing

/// Damage of the strict format is an error that names the file, or harmless; never another log.
struct DiskDamageTests {
  private static func open(_ files: FaultyFiles) throws(LogStoreError) -> DiskStorage {
    try DiskStorage(directory: "/raft", files: files, options: options)
  }

  private static var options: DiskStorageOptions {
    var options = DiskStorageOptions()
    options.slotsPerFile = 16
    return options
  }

  /// Three files and a snapshot.
  private static func directory() throws -> FaultyFiles {
    let files = FaultyFiles()
    let storage = try open(files)
    try storage.save(HardState(term: 2, vote: 1, commit: 10), run(1, 1...20))
    try storage.save(HardState(term: 2, vote: 1, commit: 30), run(2, 18...40))
    try storage.createSnapshot(at: 5, ConfState(voters: [1, 2]), data: [1, 2, 3])
    try storage.close()
    return files
  }

  private static func contents(_ storage: DiskStorage) throws -> String {
    let entries = try storage.entries(
      from: storage.firstIndex, to: storage.lastIndex + 1, maxBytes: .max)
    return "\(storage.hardState) \(storage.snapshot) \(storage.checkpoint) \(entries)"
  }

  /// Whether damage was found. Otherwise everything is as before.
  private static func isFound(
    _ path: String, _ bytes: [UInt8]?, _ expected: String, _ comment: Comment
  ) throws -> Bool {
    let files = try directory()
    if let bytes { files.place(bytes, at: path) } else { try files.remove(path) }
    do {
      let storage = try open(files)
      try storage.save(HardState(), [])
      let found = try contents(storage)
      #expect(found == expected, comment)
      return false
    } catch let error as LogStoreError {
      switch error {
      case .corrupted(let location, let reason):
        #expect(location.hasPrefix("/raft/"), comment)
        #expect(location.contains("offset"), comment)
        #expect(reason.contains("restore the directory"), comment)
      case .newerFormat: break
      default: Issue.record("\(comment): \(error)")
      }
      return true
    }
  }

  private static var paths: [String] {
    ["/raft/wal.meta"] + (1...3).map { "/raft/0000\($0).wal" }
  }

  @Test func k04_aFlippedBitAnywhere() throws {
    var random = SplitMix64(seed: 3)
    let original = try Self.directory()
    let expected = try Self.contents(Self.open(original.copy()))
    var found = 0
    for path in Self.paths {
      let bytes = try #require(original.bytes(of: path))
      // All that is not zero, and some of the rest.
      let places = bytes.indices.filter { bytes[$0] != 0 || $0 % 97 == 0 }
      for at in places.shuffled(using: &random).prefix(LongTests.areOn ? .max : 120) {
        var damaged = bytes
        damaged[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
        if try Self.isFound(path, damaged, expected, "\(path) at \(at)") { found += 1 }
      }
    }
    #expect(found > 100)
  }

  @Test func k01k02k08_aFileCutOrZeroed() throws {
    let original = try Self.directory()
    let expected = try Self.contents(Self.open(original.copy()))
    var found = 0
    for path in Self.paths {
      let bytes = try #require(original.bytes(of: path))
      for length in stride(from: 0, to: bytes.count, by: 173) {
        if try Self.isFound(path, Array(bytes[..<length]), expected, "\(path) cut at \(length)") {
          found += 1
        }
        let end = min(bytes.count, length + 512)
        let zeroed =
          bytes[..<length] + [UInt8](repeating: 0, count: end - length) + bytes[end...]
        if try Self.isFound(path, Array(zeroed), expected, "\(path) zeroed from \(length)") {
          found += 1
        }
      }
    }
    #expect(found > 50)
  }

  @Test func k06k11_missingAndCopiedFiles() throws {
    let original = try Self.directory()
    for path in Self.paths {
      #expect(try Self.isFound(path, nil, "", "\(path) is missing"))
      for other in Self.paths where other != path {
        let copy = try #require(original.bytes(of: other))
        #expect(try Self.isFound(path, copy, "", "\(other) as \(path)"))
      }
    }
  }

  /// A state that a crash has left behind is as good as its entries: one that lost a page of data gives way.
  @Test func k03_aLostPageOfDataIsNoEmptyEntry() throws {
    let files = FaultyFiles()
    let storage = try Self.open(files)
    try storage.save(HardState(), run(1, 1...3), Snapshot(), .synced)
    try storage.save(HardState(), [Entry(term: 1, index: 4, data: [9, 9, 9])])
    let path = "/raft/00001.wal"
    let left = files.copy()
    var bytes = try #require(left.bytes(of: path))
    bytes.replaceSubrange(bytes.count - 3..<bytes.count, with: [0, 0, 0])
    left.place(bytes, at: path)
    #expect(try Self.open(left).lastIndex == 3)
    #expect(try Self.open(files.copy()).lastIndex == 4)
    // Once it is durable, the same is damage.
    try storage.sync()
    let durable = files.copy()
    durable.place(bytes, at: path)
    let opened = try Self.open(durable)
    let error = #expect(throws: LogStoreError.self) {
      try opened.entries(from: 4, to: 5, maxBytes: .max)
    }
    #expect(error.map { "\($0)" }?.contains("does not match its checksum") == true)
    #expect(try opened.entries(from: 1, to: 4, maxBytes: .max) == run(1, 1...3))
  }

  /// Regions without the file of the store, a region under another name.
  @Test func k07k11_partsOfAStore() throws {
    let files = FaultyFiles()
    let store = try DiskLogStore.open("/log", files)
    for region: UInt64 in 1...2 {
      var batch = LogBatch()
      batch.append(region, run(1, 1...3))
      _ = try store.write(batch, .synced)
    }
    try store.close()
    let meta = try #require(files.bytes(of: "/log/2/wal.meta"))
    for (path, bytes) in [
      ("/log/store.meta", nil), ("/log/1/wal.meta", meta), ("/log/1/wal.meta", nil),
    ] {
      let copy = files.copy()
      if let bytes { copy.place(bytes, at: path) } else { try copy.remove(path) }
      let error = #expect(throws: LogStoreError.self) { _ = try DiskLogStore.open("/log", copy) }
      guard case .corrupted(let location, _) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(location.hasPrefix(bytes == nil ? path : "/log/1/"))
    }
  }
}
