import Foundation
import Raft
import RaftLog
import RocksDB
import Testing

/// Golden bytes of the layout, and what opening makes of a database that does not fit together.
struct LogDamageTests {
  private let state: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2]

  private func key(_ index: UInt8) -> [UInt8] {
    [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, index]
  }

  /// Closes the store and changes its database behind its back.
  private func tamper(
    _ fixture: LogFixture, _ change: (inout RocksDB.WriteBatch, ColumnFamily) -> Void
  ) throws {
    try fixture.store.close()
    let db = try DB(
      path: fixture.path, options: DBOptions(), families: [("default", FamilyOptions())])
    var batch = RocksDB.WriteBatch()
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

  private func expectCorrupted(
    _ fixture: LogFixture, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: LogStoreError.self, sourceLocation: sourceLocation) {
      try RocksDBLogStore(path: fixture.path)
    }
    guard case .corrupted(let place, let reason) = error else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
    #expect(place.contains(fixture.path), sourceLocation: sourceLocation)
    #expect(reason.contains(words), sourceLocation: sourceLocation)
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

  @Test(arguments: [UInt8(1), 5, 9])
  func s39_aMissingEntryIsNamed(index: UInt8) throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.delete($1, key(index)) }
    expectCorrupted(fixture, index == 5 ? "follows" : "not all there")
  }

  @Test func s39_aLogWithoutItsState() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.delete($1, state) }
    expectCorrupted(fixture, "without its state")
  }

  @Test func s39_commitBeyondTheEnd() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.put($1, state, [10, 4, 8, 1, 24, 10, 16, 9]) }
    expectCorrupted(fixture, "commit 10 is beyond")
  }

  @Test func s39_entriesBeyondTheEnd() throws {
    let fixture = try fixture()
    try tamper(fixture) { batch, family in
      batch.put(family, key(10), [16, 1, 24, 10])
    }
    expectCorrupted(fixture, "does not fit")
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

  @Test func k13_aNewerFormatIsLeftAlone() throws {
    let fixture = try fixture()
    try tamper(fixture) { $0.put($1, [1, 0x10], [2]) }
    expect(.newerFormat(2)) { try RocksDBLogStore(path: fixture.path) }
  }
}
