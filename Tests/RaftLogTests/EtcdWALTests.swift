import Raft
import RaftLog
import Runtime
import Testing

/// etcd's WAL: its bytes, segments and records. Names of etcd's tests are paired in `EtcdCounterparts.md`.
struct EtcdWALTests {
  static let path = "/member/wal"

  static var options: EtcdWAL.Options {
    var options = EtcdWAL.Options()
    options.segmentBytes = 4 << 10
    return options
  }

  static func create(
    _ files: FaultyFiles, metadata: [UInt8] = Array("somedata".utf8)
  ) throws(EtcdWALError) -> EtcdWAL {
    try EtcdWAL.create(path, files, metadata: metadata, options: options)
  }

  static func open(
    _ files: FaultyFiles, at index: UInt64 = 0, term: UInt64 = 0
  ) throws(EtcdWALError) -> (wal: EtcdWAL, contents: EtcdContents) {
    try EtcdWAL.open(
      path, files, at: EtcdSnapshotRecord(index: index, term: term), options: options)
  }

  static func segments(_ files: FaultyFiles) -> [String] {
    files.paths.filter { $0.hasPrefix(path + "/") && $0.hasSuffix(".wal") }
      .map { String($0.dropFirst(path.count + 1)) }
  }

  static func record(_ index: UInt64, _ term: UInt64) -> EtcdSnapshotRecord {
    EtcdSnapshotRecord(index: index, term: term, confState: ConfState(voters: [1]))
  }

  /// A WAL of `segments` segments with entries from 1 on of term 1, a snapshot record in each, and what it has.
  static func filled(_ files: FaultyFiles, segments count: Int) throws -> [Entry] {
    var wal = try create(files)
    var entries: [Entry] = []
    while segments(files).count < count {
      let next = UInt64(entries.count) + 1
      try wal.save(HardState(term: 1, vote: 1, commit: next - 1), run(1, next...next))
      entries += run(1, next...next)
      try wal.saveSnapshot(record(next, 1))
      if entries.count % 10 == 0 { try wal.cut() }
    }
    try wal.close()
    return entries
  }

  // MARK: Bytes

  /// The bytes of etcd's fixture: a checksum, metadata, and an empty snapshot.
  @Test func bytesAreEtcds() throws {
    let files = FaultyFiles()
    _ = try Self.create(files)
    let head: [UInt8] = [
      0x04, 0, 0, 0, 0, 0, 0, 0x84, 0x08, 0x04, 0x10, 0x00, 0, 0, 0, 0,
      0x12, 0, 0, 0, 0, 0, 0, 0x86, 0x08, 0x01, 0x10, 0x85, 0xd4, 0xfd, 0xa0, 0x07, 0x1a, 0x08,
      0x73, 0x6f, 0x6d, 0x65, 0x64, 0x61, 0x74, 0x61, 0, 0, 0, 0, 0, 0,
      0x0e, 0, 0, 0, 0, 0, 0, 0x82, 0x08, 0x05, 0x10, 0x80, 0xdb, 0x81, 0xc1, 0x01, 0x1a, 0x04,
      0x08, 0x00, 0x10, 0x00, 0, 0,
    ]
    let name = "0000000000000000-0000000000000000.wal"
    #expect(Self.segments(files) == [name])
    let bytes = try #require(files.bytes(of: Self.path + "/" + name))
    #expect(Array(bytes.prefix(head.count)) == head)
    #expect(bytes.count == 4 << 10)
    #expect(bytes.dropFirst(head.count).allSatisfy { $0 == 0 })
  }

  @Test func recordsReadBackAndEveryLengthIsAligned() throws {
    for size in 0...40 {
      let files = FaultyFiles()
      var wal = try Self.create(files)
      let entry = Entry(
        type: .confChange, term: 3, index: 1, data: [UInt8](repeating: 7, count: size))
      try wal.save(HardState(term: 3, vote: 9, commit: 1), [entry])
      try wal.close()
      let contents = try EtcdWAL.read(Self.path, files)
      #expect(contents.entries == [entry])
      #expect(contents.hardState == HardState(term: 3, vote: 9, commit: 1))
      #expect(contents.metadata == Array("somedata".utf8))
    }
  }

  /// The lengths of data in between are long: a record is larger than what is read at once.
  @Test(arguments: [1 << 10, 300 << 10, 1 << 20])
  func largeEntriesReadBack(size: Int) throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    var entries: [Entry] = []
    for index: UInt64 in 1...3 {
      entries.append(
        Entry(term: 1, index: index, data: [UInt8](repeating: UInt8(index), count: size)))
    }
    try wal.save(HardState(term: 1), entries)
    try wal.save(HardState(term: 1, vote: 2), [])
    try wal.close()
    #expect(try Self.open(files).contents.entries == entries)
  }

  /// Each of the places of a record, and what is said of it.
  @Test func damagedRecordsAreToldFromTornOnes() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(term: 1, vote: 1), run(1, 1...1))
    let before = files.copy()
    try wal.save(HardState(), run(1, 2...2))
    let name = Self.path + "/" + Self.segments(files)[0]
    let old = try #require(before.bytes(of: name))
    let bytes = try #require(files.bytes(of: name))
    let end = try #require(bytes.lastIndex { $0 != 0 }) / 8 * 8 + 8
    let start = try #require(old.lastIndex { $0 != 0 }) / 8 * 8 + 8
    for cut in start + 1..<end {
      let torn = FaultyFiles()
      torn.place(Array(bytes.prefix(cut)), at: name)
      let error = #expect(throws: EtcdWALError.self) { _ = try Self.open(torn) }
      guard case .torn(name, UInt64(start), _) = error else {
        Issue.record("\(cut): \(String(describing: error))")
        continue
      }
      #expect(try EtcdWAL.read(Self.path, torn).entries == run(1, 1...1))
      #expect(try EtcdWAL.repair(Self.path, torn))
      #expect(torn.bytes(of: name + ".broken") == Array(bytes.prefix(cut)))
      #expect(try Self.open(torn).contents.entries == run(1, 1...1))
    }
    for place in start + 8..<end where bytes[place] != 0 {
      let flipped = FaultyFiles()
      var wrong = bytes
      wrong[place] ^= 0x40
      flipped.place(wrong, at: name)
      do throws(EtcdWALError) {
        let found = try Self.open(flipped).contents.entries
        // A bit above the 32 of the checksum means nothing.
        #expect(found == run(1, 1...2) && place == start + 15, "\(place - start)")
      } catch {
        #expect(flipped.bytes(of: name) == wrong)
      }
    }
    let empty = FaultyFiles()
    empty.place([], at: name)
    #expect(throws: EtcdWALError.damaged(path: name, offset: 0, reason: "the segment is empty")) {
      _ = try Self.open(empty)
    }
  }

  /// A flipped or zeroed byte anywhere is an error or changes nothing that is read.
  @Test func damageAtAnyByteIsAnErrorOrHarmless() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 3)
    let whole = try EtcdWAL.read(Self.path, files)
    let names = Self.segments(files)
    for name in names.dropLast() {
      let path = Self.path + "/" + name
      let bytes = try #require(files.bytes(of: path))
      for place in stride(from: 0, to: bytes.count, by: LongTests.areOn ? 1 : 37) {
        for value in [0, bytes[place] ^ 0x80] where value != bytes[place] {
          let damaged = files.copy()
          var wrong = bytes
          wrong[place] = value
          damaged.place(wrong, at: path)
          do throws(EtcdWALError) {
            #expect(try EtcdWAL.read(Self.path, damaged) == whole, "\(name) \(place)")
          } catch {
            #expect("\(error)".contains(".wal") || "\(error)".contains("snapshot"), "\(error)")
          }
        }
      }
    }
  }

  // MARK: Segments

  @Test func segmentsAreNamedByTheNextIndex() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(term: 1, vote: 2), run(1, 1...1))
    try wal.cut()
    try wal.save(HardState(), run(1, 2...2))
    try wal.saveSnapshot(Self.record(2, 1))
    try wal.cut()
    try wal.close()
    #expect(
      Self.segments(files) == [
        "0000000000000000-0000000000000000.wal", "0000000000000001-0000000000000002.wal",
        "0000000000000002-0000000000000003.wal",
      ])
    // The last one alone says what the state is.
    let (_, contents) = try Self.open(files)
    #expect(contents.hardState == HardState(term: 1, vote: 2))
    #expect(contents.entries == run(1, 1...2))
    #expect(contents.snapshots.map(\.index) == [0, 2])
  }

  @Test func aFullSegmentIsCut() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    for index: UInt64 in 1...40 {
      try wal.save(
        HardState(term: 1, vote: 1, commit: index),
        [Entry(term: 1, index: index, data: [UInt8](repeating: 9, count: 500))])
    }
    try wal.close()
    #expect(Self.segments(files).count > 4)
    for name in Self.segments(files).dropLast() {
      let size = try #require(files.bytes(of: Self.path + "/" + name)).count
      #expect(size >= 4 << 10 && size < 5 << 10)
    }
    let (_, contents) = try Self.open(files)
    #expect(contents.entries.map(\.index) == Array(1...40))
    #expect(contents.hardState.commit == 40)
  }

  @Test func openingStartsAtTheSegmentOfTheSnapshot() throws {
    let files = FaultyFiles()
    let entries = try Self.filled(files, segments: 5)
    for index in [0, 1, 9, 10, 11, 25, entries.count] {
      let term: UInt64 = index == 0 ? 0 : 1
      let (_, contents) = try Self.open(files, at: UInt64(index), term: term)
      #expect(contents.entries == Array(entries[index...]))
      try EtcdWAL.verify(Self.path, files, at: contents.start)
    }
    #expect(throws: EtcdWALError.snapshotNotFound(index: 1000, term: 1)) {
      _ = try Self.open(files, at: 1000, term: 1)
    }
    let error = #expect(throws: EtcdWALError.self) { _ = try Self.open(files, at: 25, term: 7) }
    guard case .snapshotMismatch(_, _, 25) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let empty = FaultyFiles()
    try empty.createDirectory(Self.path)
    #expect(throws: EtcdWALError.notFound(path: Self.path)) { _ = try Self.open(empty) }
  }

  @Test func aMissingSegmentIsNamed() throws {
    let files = FaultyFiles()
    let entries = try Self.filled(files, segments: 5)
    try files.remove(Self.path + "/" + Self.segments(files)[2])
    #expect(throws: EtcdWALError.missingSegment(path: Self.path, sequence: 2)) {
      _ = try Self.open(files, at: 5, term: 1)
    }
    #expect(try Self.open(files, at: 35, term: 1).contents.entries == Array(entries[35...]))
  }

  @Test func anEmptySegmentInTheMiddleIsFound() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 4)
    #expect(try EtcdWAL.verify(Self.path, files).term == 1)
    let name = Self.path + "/" + Self.segments(files)[1]
    files.place([], at: name)
    #expect(throws: EtcdWALError.damaged(path: name, offset: 0, reason: "the segment is empty")) {
      try EtcdWAL.verify(Self.path, files)
    }
  }

  @Test func foreignNamesAreIgnored() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 2)
    for name in [
      "junk", "1-2.wal", "0000000000000009-000000000000000A.wal", "0.tmp",
      "0000000000000005-0000000000000001.wal.broken", "0000000000000005x0000000000000001.wal",
    ] {
      files.place([1], at: Self.path + "/" + name)
    }
    #expect(try Self.open(files).contents.entries.count == 10)
  }

  // MARK: Semantics

  @Test func emptySavesWriteNothing() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    let before = (files.calls, files.syncs)
    try wal.save(HardState(), [])
    #expect((files.calls, files.syncs) == before)
    // A commit index alone needs no barrier.
    try wal.save(HardState(term: 1, vote: 1), run(1, 1...1))
    let syncs = files.syncs
    try wal.save(HardState(term: 1, vote: 1, commit: 1), [])
    #expect(files.syncs == syncs)
    try wal.save(HardState(term: 2, vote: 1, commit: 1), [])
    #expect(files.syncs == syncs + 1)
  }

  /// etcd returns entries here that were replaced: etcd-io/etcd#22442.
  @Test func s24_replacedEntriesStayAwayAboveASnapshot() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(term: 1, vote: 1), run(1, 1...5))
    try wal.save(HardState(term: 2, vote: 1, commit: 4), run(2, 3...4))
    try wal.saveSnapshot(Self.record(4, 2))
    try wal.close()
    #expect(try Self.open(files, at: 4, term: 2).contents.entries == [])
    // A snapshot of another node replaces a log that does not have it.
    let other = FaultyFiles()
    wal = try Self.create(other)
    try wal.save(HardState(term: 1, vote: 1), run(1, 1...5))
    try wal.saveSnapshot(Self.record(4, 2))
    try wal.save(HardState(term: 2, vote: 1, commit: 4), [])
    try wal.close()
    #expect(try Self.open(other, at: 4, term: 2).contents.entries == [])
    #expect(try Self.open(other, at: 4, term: 2).contents.hardState.term == 2)
  }

  @Test(arguments: [UInt64(3), 1 << 63 - 1, 1 << 63, .max])
  func aGapIsRefused(index: UInt64) throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(), run(1, 1...1))
    try wal.save(HardState(), [Entry(term: 1, index: index, data: [])])
    try wal.close()
    let error = #expect(throws: EtcdWALError.self) { _ = try Self.open(files) }
    guard case .outOfRange(_, _, index, 2) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aSnapshotRecordIsTheLastRecord() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(), run(1, 1...1))
    try wal.saveSnapshot(Self.record(1, 1))
    try wal.close()
    #expect(try Self.open(files, at: 1, term: 1).contents.entries == [])
    var again = try Self.open(files).wal
    #expect(throws: EtcdWALError.invalidSnapshot(index: 2)) {
      try again.saveSnapshot(EtcdSnapshotRecord(index: 2, term: 1))
    }
  }

  @Test func snapshotsAboveTheCommitIndexAreNotValid() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.saveSnapshot(Self.record(1, 1))
    try wal.save(HardState(term: 1, commit: 1), [])
    try wal.saveSnapshot(Self.record(2, 1))
    try wal.save(HardState(term: 1, commit: 2), [])
    try wal.cut()
    try wal.saveSnapshot(Self.record(3, 2))
    try wal.save(HardState(term: 2, commit: 3), [])
    try wal.saveSnapshot(Self.record(4, 2))
    try wal.close()
    #expect(try EtcdWAL.validSnapshots(Self.path, files).map(\.index) == [0, 1, 2, 3])
    // Also without the segments that were purged.
    try files.remove(Self.path + "/" + Self.segments(files)[0])
    #expect(try EtcdWAL.validSnapshots(Self.path, files).map(\.index) == [3])
  }

  @Test func metadataOfOneWALIsTheSame() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 2)
    let other = FaultyFiles()
    _ = try Self.filled(other, segments: 2)
    let name = Self.path + "/" + Self.segments(files)[1]
    let foreign = FaultyFiles()
    var wal = try Self.create(foreign, metadata: [1])
    for index: UInt64 in 1...10 { try wal.save(HardState(), run(1, index...index)) }
    try wal.cut()
    try wal.close()
    files.place(try #require(foreign.bytes(of: name)), at: name)
    #expect(throws: EtcdWALError.checksumMismatch(path: name, offset: 0)) {
      _ = try Self.open(files)
    }
  }

  // MARK: Writing again

  @Test func writingContinuesWithoutSlackSpace() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(term: 1), run(1, 1...2))
    try wal.close()
    let name = Self.path + "/" + Self.segments(files)[0]
    let bytes = try #require(files.bytes(of: name))
    let end = try #require(bytes.lastIndex { $0 != 0 }) / 8 * 8 + 8
    files.place(Array(bytes.prefix(end)), at: name)
    wal = try Self.open(files).wal
    try wal.save(HardState(), run(1, 3...3))
    try wal.close()
    #expect(try Self.open(files).contents.entries == run(1, 1...3))
    #expect(files.bytes(of: name)?.count == 4 << 10)
  }

  /// What follows a lost record is dropped: etcd's test of a zeroed record. `EtcdLogStore` tells it from damage.
  @Test func writingContinuesAtATornRecord() throws {
    let files = FaultyFiles()
    var options = EtcdWAL.Options()
    options.segmentBytes = 16 << 10
    var wal = try EtcdWAL.create(Self.path, files, metadata: [], options: options)
    var offsets: [Int] = []
    let name = Self.path + "/" + Self.segments(files)[0]
    for index: UInt64 in 1...40 {
      let bytes = try #require(files.bytes(of: name))
      offsets.append(try #require(bytes.prefix(8192).lastIndex { $0 != 0 }) / 8 * 8 + 8)
      try wal.save(HardState(), run(1, index...index))
    }
    try wal.close()
    var bytes = try #require(files.bytes(of: name))
    for place in offsets[20]..<offsets[21] { bytes[place] = 0 }
    files.place(bytes, at: name)
    var (again, contents) = try EtcdWAL.open(Self.path, files, options: options)
    #expect(contents.entries == run(1, 1...20))
    for index: UInt64 in 21...25 { try again.save(HardState(), run(2, index...index)) }
    try again.close()
    #expect(try EtcdWAL.read(Self.path, files).entries == run(1, 1...20) + run(2, 21...25))
  }

  @Test func aSegmentIsCopiedBeforeItIsRepaired() throws {
    let files = FaultyFiles()
    var wal = try Self.create(files)
    try wal.save(HardState(), run(1, 1...10))
    try wal.close()
    let name = Self.path + "/" + Self.segments(files)[0]
    let bytes = try #require(files.bytes(of: name))
    let end = try #require(bytes.lastIndex { $0 != 0 })
    files.place(Array(bytes.prefix(end - 3)), at: name)
    files.plan(.fails, at: files.calls + 1)
    #expect(throws: EtcdWALError.self) { try EtcdWAL.repair(Self.path, files) }
    #expect(files.bytes(of: name) == Array(bytes.prefix(end - 3)))
    files.plan(.fails, at: 0)
    #expect(try EtcdWAL.repair(Self.path, files))
    #expect(try !EtcdWAL.repair(Self.path, files))
    #expect(try Self.open(files).contents.entries == run(1, 1...9))
  }

  // MARK: Locks

  @Test func segmentsAreLockedUntilTheyAreReleased() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 6)
    var (wal, _) = try Self.open(files)
    let names = Self.segments(files)
    #expect(throws: EtcdWALError.locked(path: Self.path + "/" + names[0])) {
      _ = try Self.open(files)
    }
    // Reading needs no lock.
    #expect(try EtcdWAL.read(Self.path, files).entries.count == 50)
    func locked() throws -> [Int] {
      try names.indices.filter { try files.lock(Self.path + "/" + names[$0]) == nil }
    }
    #expect(try locked() == [0, 1, 2, 3, 4, 5])
    wal.releaseLocks(to: 10)
    #expect(try locked() == [0, 1, 2, 3, 4, 5])
    wal.releaseLocks(to: 12)
    #expect(try locked() == [1, 2, 3, 4, 5])
    wal.releaseLocks(to: 1000)
    #expect(try locked() == [5])
    #expect(try wal.purge(keeping: 5) == 1)
    #expect(Self.segments(files) == Array(names[1...]))
    // Up to the first one that another owner needs.
    var other = try files.lock(Self.path + "/" + names[2])
    #expect(other != nil)
    #expect(try wal.purge() == 1)
    other = nil
    try wal.close()
    #expect(try locked() == [])
  }

  @Test func aSecondWALIsRefused() throws {
    let files = FaultyFiles()
    _ = try Self.create(files)
    #expect(throws: EtcdWALError.exists(path: Self.path)) { _ = try Self.create(files) }
    let polluted = FaultyFiles()
    polluted.place([], at: Self.path + "/0000000000000000-0000000000000000.wal")
    #expect(throws: EtcdWALError.exists(path: Self.path)) { _ = try Self.create(polluted) }
  }

  @Test func whatACrashHasLeftDoesNotPreventCreation() throws {
    let files = FaultyFiles()
    files.place([1, 2, 3], at: Self.path + ".tmp/0000000000000000-0000000000000000.wal")
    files.place([1, 2, 3], at: Self.path + ".tmp/other")
    var wal = try Self.create(files)
    try wal.save(HardState(term: 1), run(1, 1...1))
    try wal.close()
    #expect(try Self.open(files).contents.entries == run(1, 1...1))
    #expect(files.paths.count == 1)
  }

  /// Each call of creation fails once: then there is no WAL, and it can be created.
  @Test(arguments: [FaultyFiles.Fault.fails, .isFull])
  func f01_aFailedCreationLeavesNoWAL(fault: FaultyFiles.Fault) throws {
    let probe = FaultyFiles()
    _ = try Self.create(probe)
    for call in 1...probe.calls {
      let files = FaultyFiles()
      files.plan(fault, at: call)
      do throws(EtcdWALError) {
        _ = try Self.create(files)
        #expect(fault == .isFull)
      } catch {
        guard case .files = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(Self.segments(files).isEmpty)
        _ = try Self.create(files)
      }
      #expect(try Self.open(files.copy()).contents.entries == [])
    }
  }

  @Test func contentsCanBeWrittenToAnotherWAL() throws {
    let files = FaultyFiles()
    _ = try Self.filled(files, segments: 3)
    let contents = try EtcdWAL.read(Self.path, files, at: Self.record(7, 1))
    let other = FaultyFiles()
    try EtcdWAL.write(contents, to: "/other/wal", other)
    let copy = try EtcdWAL.read("/other/wal", other, at: Self.record(7, 1))
    #expect(copy.entries == contents.entries)
    #expect(copy.metadata == contents.metadata)
    #expect(copy.hardState == contents.hardState)
  }
}
