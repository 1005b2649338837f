import Raft
import RaftLog
import Runtime
import Testing

/// Snapshot files, and nodes that start from them.
struct EtcdSnapshotTests {
  private static let path = "/member/snap"

  private static func snapshot(_ index: UInt64, _ term: UInt64 = 1) -> Snapshot {
    Snapshot(
      data: Array("state \(index)".utf8),
      metadata: SnapshotMetadata(
        confState: ConfState(voters: [1, 2, 3]), index: index, term: term))
  }

  private static func name(_ index: UInt64, _ term: UInt64 = 1) -> String {
    let digits = String(index, radix: 16)
    return "000000000000000\(term)-" + String(repeating: "0", count: 16 - digits.count) + digits
      + ".snap"
  }

  @Test func aSnapshotReadsBack() throws {
    let files = FaultyFiles()
    try files.createDirectory(Self.path)
    let snapshotter = Snapshotter(Self.path, files)
    try snapshotter.save(Self.snapshot(5))
    try snapshotter.save(Snapshot())
    #expect(try snapshotter.names() == [Self.name(5)])
    #expect(try snapshotter.load() == Self.snapshot(5))
    // crc 1, data 2 {data 1, metadata 2 {conf_state 1 {voters 1 unpacked, auto_leave 5}, index 2, term 3}}
    let bytes = try #require(files.bytes(of: Self.path + "/" + Self.name(5)))
    let body: [UInt8] =
      [0x0a, 7] + Array("state 5".utf8)
      + [0x12, 14, 0x0a, 8, 0x08, 1, 0x08, 2, 0x08, 3, 0x28, 0, 0x10, 5, 0x18, 1]
    #expect(Array(bytes.suffix(body.count + 2)) == [0x12, UInt8(body.count)] + body)
    #expect(bytes.first == 0x08)
  }

  @Test func theNewestThatCanBeReadIsLoaded() throws {
    let files = FaultyFiles()
    try files.createDirectory(Self.path)
    let snapshotter = Snapshotter(Self.path, files)
    for index: UInt64 in [1, 5, 0x1f] { try snapshotter.save(Self.snapshot(index)) }
    try snapshotter.save(Self.snapshot(3, 2))
    #expect(
      try snapshotter.names() == [
        Self.name(3, 2), Self.name(0x1f), Self.name(5), Self.name(1),
      ])
    #expect(try snapshotter.load() == Self.snapshot(3, 2))
    let records = [
      EtcdSnapshotRecord(index: 1, term: 1), EtcdSnapshotRecord(index: 5, term: 1),
      EtcdSnapshotRecord(index: 3, term: 1),
    ]
    #expect(try snapshotter.loadNewestAvailable(records) == Self.snapshot(5))
    // A broken one is put aside.
    let path = Self.path + "/" + Self.name(3, 2)
    files.place([0x08, 1, 0x12, 2, 9, 9], at: path)
    #expect(throws: EtcdWALError.checksumMismatch(path: path, offset: 0)) {
      try snapshotter.read(Self.name(3, 2))
    }
    #expect(try snapshotter.load() == Self.snapshot(0x1f))
    #expect(files.bytes(of: path + ".broken") != nil)
    #expect(files.bytes(of: path) == nil)
  }

  @Test func emptyAndMissingSnapshotsAreToldApart() throws {
    let files = FaultyFiles()
    try files.createDirectory(Self.path)
    let snapshotter = Snapshotter(Self.path, files)
    #expect(throws: EtcdWALError.noSnapshot(path: Self.path)) { try snapshotter.load() }
    let path = Self.path + "/" + Self.name(1)
    files.place([], at: path)
    #expect(throws: EtcdWALError.damaged(path: path, offset: 0, reason: "the file is empty")) {
      try snapshotter.read(Self.name(1))
    }
    files.place([0x08, 0], at: path)
    #expect(throws: EtcdWALError.damaged(path: path, offset: 0, reason: "the snapshot is empty")) {
      try snapshotter.read(Self.name(1))
    }
    #expect(throws: EtcdWALError.noSnapshot(path: Self.path)) { try snapshotter.load() }
  }

  @Test func damageAtAnyByteIsFound() throws {
    let files = FaultyFiles()
    try files.createDirectory(Self.path)
    let snapshotter = Snapshotter(Self.path, files)
    try snapshotter.save(Self.snapshot(5))
    let path = Self.path + "/" + Self.name(5)
    let bytes = try #require(files.bytes(of: path))
    for place in bytes.indices {
      files.place(Array(bytes.prefix(place)), at: path)
      #expect(throws: EtcdWALError.self) { try snapshotter.read(Self.name(5)) }
      var wrong = bytes
      wrong[place] ^= 0x10
      files.place(wrong, at: path)
      // A bit above the 32 of the checksum means nothing.
      do throws(EtcdWALError) {
        #expect(try snapshotter.read(Self.name(5)) == Self.snapshot(5) && place == 5, "\(place)")
      } catch {
        #expect("\(error)".contains(path))
      }
    }
  }

  @Test func otherFilesAreLeftAlone() throws {
    let files = FaultyFiles()
    try files.createDirectory(Self.path)
    let snapshotter = Snapshotter(Self.path, files)
    for index: UInt64 in [1, 5, 9] { try snapshotter.save(Self.snapshot(index)) }
    for name in ["db", "0000000000000005.snap.db", "tmp123", "junk", "1-1.snap", "x.snap.broken"] {
      files.place([1], at: Self.path + "/" + name)
    }
    #expect(try snapshotter.ignored() == ["1-1.snap", "junk"])
    try snapshotter.removeOrphans()
    #expect(try snapshotter.names().count == 3)
    try snapshotter.removeOrphans(below: 9)
    #expect(
      files.paths.map { $0.dropFirst(Self.path.count + 1) } == [
        "0000000000000001-0000000000000009.snap", "0000000000000005.snap.db", "1-1.snap", "db",
        "junk",
      ])
  }

  // MARK: Nodes

  private static func isClean(_ contents: EtcdContents, _ storage: MemoryStorage) throws {
    #expect(storage.hardState == contents.hardState)
    #expect(storage.lastIndex() == contents.start.index + UInt64(contents.entries.count))
  }

  @Test func aNodeRestartsWithWhatItHasSaved() throws {
    let files = FaultyFiles()
    #expect(try !EtcdNode.exists("/member", files))
    var (node, storage) = try EtcdNode.start(
      "/member", files, metadata: [7], options: EtcdWALTests.options)
    #expect(try EtcdNode.exists("/member", files))
    try node.save(HardState(term: 1, vote: 1, commit: 3), run(1, 1...5), in: storage)
    try node.saveSnapshot(try storage.createSnapshot(at: 3, confState: ConfState(voters: [1])))
    try node.save(HardState(term: 1, vote: 1, commit: 6), run(1, 6...8), in: storage)
    #expect(storage.lastIndex() == 8)
    try node.close()
    let (again, contents, restored) = try EtcdNode.restart(
      "/member", files, options: EtcdWALTests.options)
    #expect(contents.metadata == [7])
    #expect(contents.entries == run(1, 4...8))
    #expect(restored.firstIndex() == 4)
    #expect(try restored.initialState().1 == ConfState(voters: [1]))
    try Self.isClean(contents, restored)
    withExtendedLifetime(again) {}
  }

  /// A record without its file is not used: then an older snapshot is.
  @Test func aNodeRestartsWithoutItsNewestSnapshotFile() throws {
    let files = FaultyFiles()
    var (node, storage) = try EtcdNode.start(
      "/member", files, metadata: [], options: EtcdWALTests.options)
    try node.save(HardState(term: 1, vote: 1, commit: 9), run(1, 1...9), in: storage)
    for index: UInt64 in [3, 6] {
      try node.saveSnapshot(try storage.createSnapshot(at: index, data: [UInt8(index)]))
    }
    try node.close()
    files.place([1], at: Self.path + "/" + Self.name(6))
    let (_, contents, restored) = try EtcdNode.restart(
      "/member", files, options: EtcdWALTests.options)
    #expect(contents.start.index == 3)
    #expect(contents.entries == run(1, 4...9))
    #expect(try restored.snapshot().data == [3])
  }

  @Test func anInstalledSnapshotReplacesTheLog() throws {
    let files = FaultyFiles()
    var (node, storage) = try EtcdNode.start(
      "/member", files, metadata: [], options: EtcdWALTests.options)
    try node.save(HardState(term: 1, vote: 1, commit: 2), run(1, 1...9), in: storage)
    try node.save(
      HardState(term: 3, vote: 0, commit: 20), run(3, 21...22), snapshot: Self.snapshot(20, 3),
      in: storage)
    #expect(storage.firstIndex() == 21)
    try node.close()
    let (_, contents, restored) = try EtcdNode.restart(
      "/member", files, options: EtcdWALTests.options)
    #expect(contents.entries == run(3, 21...22))
    #expect(try restored.snapshot() == Self.snapshot(20, 3))
    try Self.isClean(contents, restored)
  }

  @Test func aTornEndIsCutOffOnce() throws {
    let files = FaultyFiles()
    var (node, storage) = try EtcdNode.start(
      "/member", files, metadata: [], options: EtcdWALTests.options)
    try node.save(HardState(term: 1, vote: 1), run(1, 1...9), in: storage)
    try node.close()
    let name = try #require(files.paths.first { $0.hasSuffix(".wal") })
    let bytes = try #require(files.bytes(of: name))
    let end = try #require(bytes.lastIndex { $0 != 0 })
    files.place(Array(bytes.prefix(end - 20)), at: name)
    let (_, contents, _) = try EtcdNode.restart(
      "/member", files, options: EtcdWALTests.options)
    #expect(contents.entries.count >= 8)
    var wrong = bytes
    wrong[100] ^= 1
    let damaged = FaultyFiles()
    damaged.place(wrong, at: name)
    #expect(throws: EtcdWALError.self) {
      _ = try EtcdNode.restart(
        "/member", damaged, options: EtcdWALTests.options)
    }
    #expect(damaged.bytes(of: name) == wrong)
  }

  /// Entries that are not committed are dropped, and the other members removed.
  @Test func aNodeRestartsAsStandalone() throws {
    let files = FaultyFiles()
    var (node, storage) = try EtcdNode.start(
      "/member", files, metadata: [], options: EtcdWALTests.options)
    try node.save(HardState(term: 2, vote: 2, commit: 6), run(1, 1...8), in: storage)
    try node.saveSnapshot(
      try storage.createSnapshot(at: 4, confState: ConfState(voters: [1, 2, 3])))
    try node.close()
    let (alone, contents, restored) = try EtcdNode.restartAsStandalone(
      "/member", files, id: 2, options: EtcdWALTests.options)
    #expect(contents.entries.prefix(2) == run(1, 5...6)[...])
    #expect(contents.entries.dropFirst(2).map(\.type) == [.confChange, .confChange])
    // {id 1, type 2: remove is 1, node_id 3}
    #expect(
      contents.entries.dropFirst(2).map(\.data) == [
        [0x08, 0, 0x10, 1, 0x18, 1], [0x08, 0, 0x10, 1, 0x18, 3],
      ])
    #expect(restored.hardState == HardState(term: 2, vote: 2, commit: 8))
    #expect(restored.lastIndex() == 8)
    withExtendedLifetime(alone) {}
    // The same after another restart.
    let copy = files.copy()
    let (_, again, _) = try EtcdNode.restart(
      "/member", copy, options: EtcdWALTests.options)
    #expect(again.entries == contents.entries)
    #expect(again.hardState == contents.hardState)
  }
}
