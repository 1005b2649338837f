import Foundation
import Raft
import RaftLog
import RocksDB
import Runtime
import Testing

/// Golden bytes of the layout, and what opening makes of a database that does not fit together.
struct LogDamageTests {
  private let state: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2]

  private func key(_ index: UInt8) -> [UInt8] {
    [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, index]
  }

  /// Closes the store and changes its database behind its back.
  private func tamper(
    _ fixture: LogFixture, _ change: (inout DBWriteBatch, DBColumnFamily) -> Void
  ) throws {
    try fixture.store.close()
    let db = try DB(
      path: fixture.path, options: DBOptions(), families: [("default", FamilyOptions())])
    var batch = DBWriteBatch()
    change(&batch, db.families[0])
    try db.write(batch, sync: true)
  }

  private func fixture() throws -> LogFixture {
    let fixture = try LogFixture(.rocks)
    try fixture.write(.synced) {
      $0.append(1, run(1, 1...9))
      $0.setHardState(1, HardState(term: 1, vote: 2, commit: 7))
    }
    return fixture
  }

  /// The log of region 1 is damaged, and no other. It can be destroyed, and begins anew.
  private func expectCorrupted(
    _ fixture: LogFixture, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let store = try RocksDBLogStore(path: fixture.path)
    let reason = try #require(store.damage(of: 1), sourceLocation: sourceLocation)
    #expect(reason.contains(fixture.path), sourceLocation: sourceLocation)
    #expect(reason.contains(text), sourceLocation: sourceLocation)
    #expect(store.damage(of: 2) == nil, sourceLocation: sourceLocation)
    #expect(store.lastIndex(1) == 0, sourceLocation: sourceLocation)
    #expect(throws: LogStoreError.self, sourceLocation: sourceLocation) {
      try store.verify(deep: false)
    }
    var batch = LogBatch()
    batch.destroy(1)
    _ = try store.write(batch, .synced)
    #expect(store.damage(of: 1) == nil, sourceLocation: sourceLocation)
    try store.verify(deep: true)
    try store.close()
    let reopened = try RocksDBLogStore(path: fixture.path)
    #expect(reopened.damage(of: 1) == nil, sourceLocation: sourceLocation)
  }

  @Test func layoutIsTiKVs() throws {
    let fixture = try LogFixture(.rocks)
    try fixture.write(.synced) {
      $0.append(1, [Entry(type: .confChange, term: 300, index: 1, data: [0xaa])])
      $0.setHardState(1, HardState(term: 300, vote: 2, commit: 1))
      $0.append(2, run(5, 1...2))
      $0.compact(2, to: 1, term: 5)
      $0.put(2, key: [7], value: [8])
    }
    try fixture.store.bind(LogStoreIdentity(clusterID: 9, storeID: 4))
    try fixture.store.close()
    let db = try DB(
      path: fixture.path, options: DBOptions(), families: [("default", FamilyOptions())])
    func stored(_ key: [UInt8]) throws -> [UInt8]? { try db.get(db.families[0], key) }
    #expect(try stored(key(1)) == [8, 1, 16, 0xac, 2, 24, 1, 34, 1, 0xaa])
    #expect(try stored(state) == [10, 7, 8, 0xac, 2, 16, 2, 24, 1, 16, 1])
    #expect(try stored([1, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0x10]) == [8, 1, 16, 5])
    #expect(try stored([1, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0x11, 7]) == [8])
    #expect(try stored([1, 1]) == [8, 9, 16, 4])
    #expect(try stored([1, 0x10]) == [1])
  }

  @Test func s36_unknownFieldsAreSkipped() throws {
    let fixture = try fixture()
    try tamper(fixture) { batch, family in
      let entry: [UInt8] = [16, 1, 24, 9, 34, 2, 5, 6, 42, 1, 1, 48, 1, 57, 0, 0, 0, 0, 0, 0, 0, 0]
      batch.put(family, key(9), entry)
    }
    let store = try RocksDBLogStore(path: fixture.path)
    #expect(
      try store.entries(1, from: 9, to: 10, maxBytes: .max)
        == [Entry(term: 1, index: 9, data: [5, 6])])
  }

  @Test(arguments: [UInt8(1), 9])
  func s39_aMissingEntryIsNamed(index: UInt8) throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.delete($1, key(index)) }
    try expectCorrupted(fixture, "incomplete")
  }

  /// Opening does not read the entries in the middle; who needs one finds out.
  @Test func s39_aMissingEntryInTheMiddleIsFoundWhenItIsRead() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.delete($1, key(5)) }
    let store = try RocksDBLogStore(path: fixture.path)
    #expect(try store.entries(1, from: 6, to: 10, maxBytes: .max).count == 4)
    #expect(throws: LogStoreError.self) {
      try store.entries(1, from: 1, to: 10, maxBytes: .max)
    }
    #expect(throws: LogStoreError.self) { try store.verify(deep: false) }
  }

  /// A log is opened without its data: what is broken there does not show, and costs nothing.
  @Test func openingReadsNoEntryButTheFirstTheLastAndChangesOfTerm() throws {
    let fixture = try LogFixture(.rocks)
    try fixture.write(.synced) {
      $0.append(1, run(1, 1...100))
      $0.append(1, run(3, 101...105))
      $0.append(1, run(7, 106...250))
      $0.setHardState(1, HardState(term: 7, vote: 2, commit: 200))
      $0.append(2, run(1, 1...4))
      $0.compact(2, to: 4, term: 1)
    }
    try tamper(fixture) { batch, family in
      // A binary search between 1 and 250 looks at neither.
      batch.put(family, key(3), [0xff])
      batch.put(family, key(240), [0xff])
    }
    let store = try RocksDBLogStore(path: fixture.path)
    #expect(store.firstIndex(1) == 1)
    #expect(store.lastIndex(1) == 250)
    let terms: [(UInt64, UInt64)] = [(1, 1), (100, 1), (101, 3), (105, 3), (106, 7), (250, 7)]
    for (index, term) in terms {
      #expect(try store.term(1, at: index) == term)
    }
    #expect(store.hardState(1) == HardState(term: 7, vote: 2, commit: 200))
    #expect(store.lastIndex(2) == 4)
    #expect(store.firstIndex(2) == 5)
    #expect(throws: LogStoreError.self) { try store.verify(deep: false) }
  }

  @Test func theSizeOfALogIsKnownWhenItIsOpened() throws {
    let fixture = try LogFixture(.rocks)
    let data = [UInt8](repeating: 7, count: 10_000)
    try fixture.write(.synced) { batch in
      for index in 1...400 as ClosedRange<UInt64> {
        batch.append(1, [Entry(term: 1, index: index, data: data)])
      }
      batch.append(2, run(1, 1...9))
    }
    try fixture.store.close()
    let store = try RocksDBLogStore(path: fixture.path)
    #expect((3_500_000...4_500_000).contains(store.openedBytes(1)))
    #expect(store.openedBytes(2) < 200_000)
  }

  @Test func s39_aLogWithoutItsState() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.delete($1, state) }
    try expectCorrupted(fixture, "without state")
  }

  @Test func s39_commitBeyondTheEnd() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.put($1, state, [10, 4, 8, 1, 24, 10, 16, 9]) }
    try expectCorrupted(fixture, "commit 10 is beyond")
  }

  /// The index after the last must not overflow.
  @Test func aLogThatEndsAtTheLargestIndex() throws {
    let last: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
    let empty = try LogFixture(.rocks)
    try tamper(empty) { batch, family in
      batch.put(family, state, [10, 0, 16] + last)
      batch.put(family, [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0x10], [8] + last + [16, 1])
    }
    try expectCorrupted(empty, "last index 18446744073709551615")
    let one = try LogFixture(.rocks)
    try tamper(one) { batch, family in
      batch.put(family, state, [10, 0, 16] + last)
      let key: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1] + [UInt8](repeating: 0xff, count: 8)
      batch.put(family, key, [16, 1, 24] + last)
    }
    try expectCorrupted(one, "last index 18446744073709551615")
  }

  /// Any record at any key: opening reads it or says what is wrong, and reading on does the same.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func randomDamageIsFoundOrHarmless(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func varint(_ value: UInt64) -> [UInt8] {
      value < 0x80
        ? [UInt8(value)] : [UInt8(truncatingIfNeeded: value) | 0x80] + varint(value >> 7)
    }
    func number() -> [UInt8] {
      let values: [UInt64] = [0, 5, 9, 1 << 63, .max - 1, .max, .max, .max, .max]
      return varint(values[Int.random(in: 0..<values.count, using: &random)])
    }
    /// A key of region 1 and a record that may belong there.
    func record() -> (key: [UInt8], value: [UInt8]) {
      let region: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let indexes: [UInt64] = [0, 5, 9, 10, .max - 1, .max]
        let index = indexes[Int.random(in: 0..<indexes.count, using: &random)]
        let location = (0..<8).map { UInt8(truncatingIfNeeded: index >> (56 - 8 * UInt64($0))) }
        return (region + [1] + location, [16] + number() + [24] + varint(index) + [34, 1, 7])
      case 1:
        let inner: [UInt8] = [8] + number() + [16] + number() + [24] + number()
        return (region + [2], [10, UInt8(inner.count)] + inner + [16] + number())
      case 2:
        return (region + [0x10], [8] + number() + [16] + number())
      default:
        let suffixes: [UInt8] = [1, 2, 0x10, 0x11, 0x12]
        let suffix = suffixes[Int.random(in: 0..<suffixes.count, using: &random)]
        let count = Int.random(in: 0..<12, using: &random)
        return (
          region + [suffix], (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        )
      }
    }
    var refused = 0
    for round in 0..<40 {
      // A log that is there, or none but the damage.
      let fixture = try round.isMultiple(of: 2) ? fixture() : LogFixture(.rocks)
      try tamper(fixture) { batch, family in
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          let (key, value) = record()
          batch.put(family, key, value)
        }
      }
      do {
        let store = try RocksDBLogStore(path: fixture.path)
        try store.verify(deep: true)
        _ = try store.entries(
          1, from: store.firstIndex(1), to: store.lastIndex(1) + 1, maxBytes: .max)
        var batch = LogBatch()
        batch.compact(1, to: store.lastIndex(1), term: try store.term(1, at: store.lastIndex(1)))
        _ = try store.write(batch, .buffered)
        _ = try store.purge()
        try store.close()
      } catch {
        if case .corrupted = error { refused += 1 }
      }
    }
    #expect(refused > 0 && refused < 40)
  }

  @Test func s39_entriesBeyondTheEnd() throws {
    let fixture = try fixture()
    try tamper(fixture) { batch, family in
      batch.put(family, key(10), [16, 1, 24, 10])
    }
    try expectCorrupted(fixture, "does not fit")
  }

  @Test(arguments: [
    [UInt8](), [0xff], [16, 1, 24], [16, 1, 24, 5, 34, 200], [16, 1, 24, 6, 34, 0],
  ])
  func k08_aBrokenEntryIsNamed(bytes: [UInt8]) throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.put($1, key(5), bytes) }
    let error = #expect(throws: LogStoreError.self) {
      let store = try RocksDBLogStore(path: fixture.path)
      try store.verify(deep: true)
    }
    guard case .corrupted = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func k13_aNewerFormatIsRefused() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.put($1, [1, 0x10], [2]) }
    expect(.newerFormat(2)) { try RocksDBLogStore(path: fixture.path) }
  }

  /// A damaged block of a file has parts of several logs. The others are read, and none of those that are hit passes for
  /// one that never was.
  @Test func aDamagedBlockTakesOnlyTheLogsInIt() throws {
    let fixture = try LogFixture(.rocks)
    let count: UInt64 = 200
    try fixture.write(.synced) { batch in
      for region in 1...count {
        batch.append(region, [Entry(term: 1, index: 1, data: [UInt8](repeating: 7, count: 2000))])
        batch.setHardState(region, HardState(term: 1, vote: 2, commit: 1))
      }
    }
    try fixture.store.close()
    do {
      let db = try DB(
        path: fixture.path, options: DBOptions(), families: [("default", FamilyOptions())])
      try db.flush(db.families)
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: fixture.path)
      .filter { $0.hasSuffix(".sst") }.map { fixture.path + "/" + $0 }
    let file = try #require(files.first)
    #expect(files.count == 1)
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[bytes.count / 2] ^= 0x40
    try bytes.write(to: URL(filePath: file))
    let store = try RocksDBLogStore(path: fixture.path)
    let damaged = (1...count).filter { store.damage(of: $0) != nil }
    let readable = (1...count).filter { store.lastIndex($0) == 1 }
    #expect((1...20).contains(damaged.count))
    #expect(damaged.count + readable.count == Int(count))
    // The end of the one in front and those in the block: a run without a gap.
    #expect(damaged.last.map { $0 - damaged[0] + 1 } == UInt64(damaged.count))
    for region in readable { #expect(store.damage(of: region) == nil) }
    var batch = LogBatch()
    for region in damaged { batch.destroy(region) }
    _ = try store.write(batch, .synced)
    try store.close()
  }
}
