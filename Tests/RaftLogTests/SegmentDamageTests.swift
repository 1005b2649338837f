import Raft
import RaftLog
import Runtime
import Testing

/// Files of a segment log that are not what was written: each is refused by name, or nothing is missing.
struct SegmentDamageTests {
  private static let path = "/log"
  private static let identity = LogStoreIdentity(clusterID: 5, storeID: 6)

  private static func options(_ mode: SegmentLogOptions.Mode = .strict) -> SegmentLogOptions {
    var options = SegmentLogOptions()
    options.mode = mode
    options.segmentBytes = 8 << 10
    options.cacheBytes = 0
    options.compressionThreshold = 512
    return options
  }

  private static func open(
    _ files: FaultyFiles, _ mode: SegmentLogOptions.Mode = .strict
  ) throws(LogStoreError) -> SegmentLogStore {
    try SegmentLogStore(path: path, files: files, options: options(mode))
  }

  private static func entry(_ region: UInt64, _ index: UInt64) -> Entry {
    let data = [UInt8](repeating: UInt8(index), count: 150) + [UInt8(region)]
    return Entry(term: index / 5 + 1, index: index, data: data)
  }

  private static func batch(_ index: UInt64) -> LogBatch {
    var batch = LogBatch()
    for region: UInt64 in 1...3 {
      batch.append(region, [entry(region, index)])
      batch.setHardState(region, HardState(term: index / 5 + 1, vote: 1, commit: index))
    }
    batch.put(1, key: [1], value: [UInt8(index)])
    return batch
  }

  /// A log of several files.
  private static func written(closing: Bool = true) throws -> FaultyFiles {
    let files = FaultyFiles()
    let store = try open(files)
    try store.bind(identity)
    for index: UInt64 in 1...40 { _ = try store.write(batch(index), .synced) }
    if closing { try store.close() }
    return files.copy()
  }

  /// The offset of the last frame.
  private static func lastFrame(_ bytes: [UInt8]) -> Int {
    frames(bytes).last ?? 0
  }

  private static func frames(_ bytes: [UInt8]) -> [Int] {
    let magic = Array("FRM1".utf8)
    return stride(from: 4096, to: bytes.count - 64, by: 8).filter {
      bytes[$0] == magic[0] && Array(bytes[$0..<$0 + 4]) == magic
    }
  }

  private static func segments(_ files: FaultyFiles) -> [String] {
    files.paths.filter { $0.hasSuffix(".seg") }
  }

  /// Opens and reads everything. What is read must be what was written; the rest must be an error.
  private static func examine(_ files: FaultyFiles, _ comment: Comment) {
    do throws(LogStoreError) {
      let store = try open(files)
      #expect(store.regions() == [1, 2, 3], comment)
      for region in store.regions() {
        #expect(store.lastIndex(region) == 40, comment)
        #expect(store.hardState(region) == HardState(term: 9, vote: 1, commit: 40), comment)
        for index: UInt64 in stride(from: 1, through: 40, by: 3) {
          do throws(LogStoreError) {
            let read = try store.entries(region, from: index, to: index + 1, maxBytes: .max)
            #expect(read == [entry(region, index)], comment)
          } catch {
            Self.expectNamed(error, comment)
          }
        }
      }
      #expect(try store.value(1, key: [1]) == [40], comment)
      try store.close()
    } catch {
      expectNamed(error, comment)
    }
  }

  /// The error is one of damage and names the directory.
  private static func expectNamed(_ error: LogStoreError, _ comment: Comment) {
    switch error {
    case .corrupted(let location, _): #expect(location.contains(path), comment)
    case .newerFormat: break
    default: Issue.record("\(comment): \(error)")
    }
  }

  /// A write of two that a crash has cut off is lost although the one after it is there: no damage, in salvage mode either,
  /// and what is written afterwards is read by later starts.
  @Test(arguments: [SegmentLogOptions.Mode.strict, .salvage])
  func k05_aWriteLostBeforeAnother(mode: SegmentLogOptions.Mode) throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    for index: UInt64 in 1...3 { _ = try store.write(Self.batch(index), .synced) }
    for index: UInt64 in 4...5 { _ = try store.write(Self.batch(index), .buffered) }
    let left = files.copy()
    let name = try #require(Self.segments(left).last)
    var bytes = try #require(left.bytes(of: name))
    let lost = try #require(Self.frames(bytes).dropLast().last)
    for offset in lost..<lost + 64 { bytes[offset] = 0 }
    left.place(bytes, at: name)
    var found = try Self.open(left, mode)
    #expect(found.report.fencedRegions.isEmpty)
    #expect(found.lastIndex(1) == 3)
    for index: UInt64 in 4...30 { _ = try found.write(Self.batch(index), .synced) }
    try found.close()
    for mode in [mode, .strict] {
      found = try Self.open(left, mode)
      #expect(try found.all(2) == (1...30).map { Self.entry(2, $0) })
      try found.verify(deep: true)
      try found.close()
    }
  }

  @Test func k04_aFlippedBitAnywhere() throws {
    let files = try Self.written()
    let step = LongTests.areOn ? 1 : 1999
    var random = SplitMix64(seed: 3)
    for name in Self.segments(files) {
      let bytes = try #require(files.bytes(of: name))
      // Where a footer begins differs; most of the header is empty.
      let offsets = stride(from: LongTests.areOn ? 0 : 4150, to: bytes.count, by: step)
      for offset in [9, 44, 130, 4094] + Array(offsets) {
        let copy = files.copy()
        var damaged = bytes
        damaged[offset] ^= 1 << UInt8.random(in: 0...7, using: &random)
        copy.place(damaged, at: name)
        Self.examine(copy, "\(name) at \(offset)")
      }
    }
  }

  @Test func k01k02k08_aFileCutOrZeroedAnywhere() throws {
    let files = try Self.written()
    let step = LongTests.areOn ? 64 : 4096
    // The empty frame at the end, which alone proves that the last batch was durable, must not go with it.
    let names = Self.segments(files)
    for name in names {
      let bytes = try #require(files.bytes(of: name))
      let end = name == names.last ? Self.lastFrame(bytes) - 512 : bytes.count
      for length in stride(from: 0, to: end, by: step) {
        let cut = files.copy()
        cut.place(Array(bytes.prefix(length)), at: name)
        Self.examine(cut, "\(name) cut to \(length)")
        let zeroed = files.copy()
        let count = min(512, bytes.count - length)
        var damaged = bytes
        damaged.replaceSubrange(
          length..<length + count, with: [UInt8](repeating: 0, count: count))
        zeroed.place(damaged, at: name)
        Self.examine(zeroed, "\(name) zeroed at \(length)")
      }
    }
  }

  /// A batch whose durability a later frame proves is not taken for one that a crash has cut off.
  @Test func k05_aDurableBatchThatIsGoneIsAnError() throws {
    let files = try Self.written(closing: false)
    let name = try #require(Self.segments(files).last)
    let bytes = try #require(files.bytes(of: name))
    var store = try Self.open(files.copy())
    #expect(store.lastIndex(1) == 40)
    // The last frame of the file, whose durability nothing proves, and the one before.
    let frames = Self.frames(bytes)
    try #require(frames.count >= 3)
    for (position, isError) in [(frames.count - 1, false), (frames.count - 2, true)] {
      var damaged = bytes
      damaged[frames[position] + 70] ^= 1
      let copy = files.copy()
      copy.place(damaged, at: name)
      if isError {
        let error = #expect(throws: LogStoreError.self) { _ = try Self.open(copy) }
        let offset = "offset \(frames[position])"
        #expect(error.map { "\($0)" }?.contains(offset) == true, "\(String(describing: error))")
      } else {
        store = try Self.open(copy)
        #expect(store.lastIndex(1) == 39)
      }
    }
  }

  @Test func k06_aMissingFile() throws {
    let files = try Self.written()
    for name in Self.segments(files) {
      let copy = files.copy()
      try copy.remove(name)
      let error = #expect(throws: LogStoreError.self) { _ = try Self.open(copy) }
      guard case .corrupted(let location, _) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(location.contains(name))
    }
    let empty = files.copy()
    for name in Self.segments(files) { try empty.remove(name) }
    #expect(throws: LogStoreError.self) { _ = try Self.open(empty) }
  }

  @Test func k11_aCopiedFile() throws {
    let files = try Self.written()
    let names = Self.segments(files)
    let copy = files.copy()
    let bytes = try #require(files.bytes(of: names[0]))
    copy.place(bytes, at: Self.path + "/00000000000000aa.seg")
    let error = #expect(throws: LogStoreError.self) { _ = try Self.open(copy) }
    #expect(error.map { "\($0)" }?.contains("00000000000000aa.seg") == true)
  }

  @Test func k18_aFileOfAnotherStore() throws {
    let files = try Self.written()
    let other = FaultyFiles()
    let foreign = try Self.open(other)
    try foreign.bind(LogStoreIdentity(clusterID: 5, storeID: 7))
    for index: UInt64 in 1...40 { _ = try foreign.write(Self.batch(index), .synced) }
    let name = Self.segments(files)[1]
    let copy = files.copy()
    copy.place(try #require(other.bytes(of: name)), at: name)
    expect(
      .foreignStore(expected: Self.identity, found: LogStoreIdentity(clusterID: 5, storeID: 7))
    ) { try Self.open(copy) }
    let store = try Self.open(files)
    expect(
      .foreignStore(
        expected: LogStoreIdentity(clusterID: 5, storeID: 8), found: Self.identity)
    ) { try store.bind(LogStoreIdentity(clusterID: 5, storeID: 8)) }
  }

  @Test func k19_otherNamesAreLeftAlone() throws {
    let files = try Self.written()
    for name in ["x", "1.seg", "0000000000000001.SEG", "0000000000000001.seg.bak"] {
      files.place([1, 2, 3], at: Self.path + "/" + name)
    }
    files.place([1], at: Self.path + "/0000000000000009.tmp")
    let store = try Self.open(files)
    #expect(
      store.report.ignoredFiles == [
        "0000000000000001.SEG", "0000000000000001.seg.bak", "1.seg", "x",
      ])
    #expect(files.bytes(of: Self.path + "/0000000000000009.tmp") == nil)
    #expect(files.bytes(of: Self.path + "/x") == [1, 2, 3])
    #expect(store.lastIndex(2) == 40)
  }

  @Test func k13_aNewerFormat() throws {
    let files = try Self.written()
    let name = try #require(Self.segments(files).last)
    var bytes = try #require(files.bytes(of: name))
    bytes[8] = 2
    var header = Array(bytes[..<4092])
    let crc = CRC32C.of(header)
    header += withUnsafeBytes(of: crc.littleEndian) { Array($0) }
    bytes.replaceSubrange(0..<4096, with: header)
    files.place(bytes, at: name)
    expect(.newerFormat(2)) { try Self.open(files) }
    #expect(files.bytes(of: name) == bytes)
  }

  /// Damage to one frame's payload fences its regions; the others are as they were, now and after an ordinary start.
  @Test func k14_salvage() throws {
    let files = FaultyFiles()
    var store = try Self.open(files)
    for region: UInt64 in 1...3 {
      for index: UInt64 in 1...12 {
        var batch = LogBatch()
        let data = [UInt8](repeating: UInt8(region * 16 + index), count: 200)
        batch.append(region, [Entry(term: 1, index: index, data: data)])
        _ = try store.write(batch, .synced)
      }
    }
    let expected = try [1, 3].map { try store.all($0) }
    try store.close()
    let damaged = [UInt8](repeating: 0x27, count: 200)
    for name in Self.segments(files) {
      var bytes = try #require(files.bytes(of: name))
      guard
        let at = (0..<bytes.count - 200).first(where: { Array(bytes[$0..<$0 + 200]) == damaged })
      else { continue }
      bytes[at + 3] ^= 1
      // Without its footer the file is read frame by frame.
      bytes[bytes.count - 1] ^= 1
      files.place(bytes, at: name)
    }
    #expect(throws: LogStoreError.self) {
      let strict = try Self.open(files.copy())
      _ = try strict.all(2)
    }
    store = try Self.open(files, .salvage)
    #expect(store.report.fencedRegions == [2])
    for round in 1...2 {
      #expect(try [1, 3].map { try store.all($0) } == expected, "round \(round)")
      #expect(throws: LogStoreError.self) { _ = try store.all(2) }
      var batch = LogBatch()
      batch.append(2, run(1, 13...13))
      #expect(throws: LogStoreError.self) { _ = try store.write(batch, .synced) }
      try store.close()
      store = try Self.open(files)
    }
    var batch = LogBatch()
    batch.destroy(2)
    batch.append(2, run(3, 1...2))
    _ = try store.write(batch, .synced)
    try store.verify(deep: true)
    try store.close()
    store = try Self.open(files)
    #expect(try store.all(2) == run(3, 1...2))
    #expect(store.report.fencedRegions.isEmpty)
  }

  @Test func p07_readOnlyBesideTheWriter() throws {
    let files = FaultyFiles()
    let store = try Self.open(files)
    _ = try store.write(Self.batch(1), .synced)
    let calls = files.calls
    let reader = try Self.open(files, .readOnly)
    #expect(reader.lastIndex(3) == 1)
    #expect(try reader.all(3).count == 1)
    #expect(throws: LogStoreError.self) { _ = try reader.write(Self.batch(2), .synced) }
    #expect(throws: LogStoreError.self) { try reader.sync() }
    try reader.close()
    #expect(files.calls == calls)
    _ = try store.write(Self.batch(2), .synced)
  }
}
