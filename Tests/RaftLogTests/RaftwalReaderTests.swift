import Raft
import RaftLog
import RocksDB
import TestSupport
import Testing

/// A key space of raftwal, written as bytes that follow from its layout, is read to the byte.
struct RaftwalReaderTests {
  private static let id: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 3]

  private static func key(_ group: UInt8, _ term: UInt8, _ index: UInt8) -> [UInt8] {
    id + [0, 0, 0, group, 0, 0, 0, 0, 0, 0, 0, term, 0, 0, 0, 0, 0, 0, 0, index]
  }

  private static func value(_ term: UInt8, _ index: UInt8) -> [UInt8] {
    let data = Array("\(term)/\(index)".utf8)
    return [8, 0, 16, term, 24, index, 34, UInt8(data.count)] + data
  }

  private static let raftID: [UInt8] = [0x72, 0x61, 0x66, 0x74, 0x69, 0x64]

  /// Group 1 with a snapshot, group 2 without, group 4 with a hard state only.
  private static var space: [[UInt8]: [UInt8]] {
    var space: [[UInt8]: [UInt8]] = [
      raftID: id,
      id + [0x73, 0x73, 0, 0, 0, 1]: [
        0x0a, 2, 7, 8, 0x12, 13, 0x0a, 7, 8, 3, 8, 0x80, 1, 0x10, 9, 0x10, 4, 0x18, 2,
      ],
      id + [0x68, 0x73, 0, 0, 0, 1]: [8, 3, 0x10, 0, 0x18, 6],
      id + [0x68, 0x73, 0, 0, 0, 4]: [8, 1, 0x10, 2, 0x18, 0],
      // A membership change, with its context in the data.
      key(1, 2, 5): [8, 1, 16, 2, 24, 5, 34, 3, 8, 1, 16],
    ]
    for index in 6...7 as ClosedRange<UInt8> { space[key(1, 3, index)] = value(3, index) }
    for index in 1...3 as ClosedRange<UInt8> { space[key(2, 1, index)] = value(1, index) }
    return space
  }

  private static func place(_ space: [[UInt8]: [UInt8]], at path: String) throws {
    let db = try DB(
      path: path, options: DBOptions(), families: [("default", FamilyOptions())])
    var batch = DBWriteBatch()
    for (key, value) in space { batch.put(db.families[0], key, value) }
    try db.write(batch, sync: true)
  }

  @Test func everythingIsRead() throws {
    let directory = try TemporaryDirectory("raftwal")
    let path = directory.child("raft")
    try Self.place(Self.space, at: path)
    let reader = try RaftwalReader(path: path)
    #expect(reader.raftID == 3)
    #expect(try reader.groups() == [1, 2, 4])
    let first = try reader.group(1)
    #expect(
      first.snapshot
        == Snapshot(
          data: [7, 8],
          metadata: SnapshotMetadata(
            confState: ConfState(voters: [3, 128], learners: [9]), index: 4, term: 2)))
    #expect(first.hardState == HardState(term: 3, vote: 0, commit: 6))
    #expect(
      first.entries
        == [Entry(type: .confChange, term: 2, index: 5, data: [8, 1, 16])] + run(3, 6...7))
    #expect(first.doubts == [])
    #expect(try reader.group(2).entries == run(1, 1...3))
    #expect(try reader.group(4).hardState == HardState(term: 1, vote: 2, commit: 0))
    #expect(try reader.group(4).entries == [])
  }

  /// Its own store does not open it, and leaves it as it is.
  @Test func itIsNotOpenedAsAStore() throws {
    let directory = try TemporaryDirectory("raftwal")
    let path = directory.child("raft")
    try Self.place(Self.space, at: path)
    let error = #expect(throws: LogStoreError.self) { _ = try OrderedKVLogStore(path: path) }
    #expect(error.map { "\($0)" }?.contains("import it") == true)
    #expect(try RaftwalReader(path: path).group(2).entries == run(1, 1...3))
  }

  @Test(arguments: LogStoreKind.allCases)
  func groupsAreCopied(kind: LogStoreKind) throws {
    let directory = try TemporaryDirectory("raftwal")
    let path = directory.child("raftwal")
    try Self.place(Self.space, at: path)
    let reader = try RaftwalReader(path: path)
    let fixture = try LogFixture(kind)
    func copy(_ store: some RaftLogStore) throws {
      for group in try reader.groups() { try reader.copy(group, to: store, region: UInt64(group)) }
      expectInvalid { try reader.copy(1, to: store, region: 1) }
    }
    try copy(fixture.store)
    try fixture.twice { (store) throws in
      #expect(store.regions() == [1, 2, 4])
      #expect(store.truncated(1) == (4, 2))
      #expect(store.hardState(1) == HardState(term: 3, vote: 0, commit: 6))
      #expect(try store.all(1).map(\.index) == [5, 6, 7])
      #expect(try store.all(2) == run(1, 1...3))
      #expect(store.hardState(4) == HardState(term: 1, vote: 2, commit: 0))
      if let ordered = store as? OrderedKVLogStore {
        #expect(try ordered.snapshot(1) == reader.group(1).snapshot)
      }
    }
  }

  /// What raftwal leaves of a batch of two terms does not say which term index 6 has.
  @Test func aDoubtfulIndexIsNotCopied() throws {
    let directory = try TemporaryDirectory("raftwal")
    let path = directory.child("raft")
    var space: [[UInt8]: [UInt8]] = [Self.raftID: Self.id]
    for index in 1...5 as ClosedRange<UInt8> { space[Self.key(1, 3, index)] = Self.value(3, index) }
    for (term, index): (UInt8, UInt8) in [(4, 6), (5, 6), (6, 7)] {
      space[Self.key(1, term, index)] = Self.value(term, index)
    }
    try Self.place(space, at: path)
    let reader = try RaftwalReader(path: path)
    let doubts = try reader.group(1).doubts
    #expect(doubts.map(\.index) == [6])
    #expect(doubts.map(\.terms) == [[4, 5]])
    let store = MemoryLogStore()
    let error = #expect(throws: LogStoreError.self) {
      try reader.copy(1, to: store, region: 1)
    }
    #expect(error.map { "\($0)" }?.contains("entry 6 has one of the terms [4, 5]") == true)
    #expect(store.regions() == [])
    try reader.copy(1, to: store, region: 1, acceptsDoubts: true)
    #expect(try store.all(1) == run(3, 1...5) + [entry(5, 6), entry(6, 7)])
  }

  /// Entries that a later term of the same leader replaced are no doubt; those below the snapshot do not count.
  @Test func staleEntriesAreOverridden() throws {
    let directory = try TemporaryDirectory("raftwal")
    let path = directory.child("raft")
    var space = Self.space
    for (term, index): (UInt8, UInt8) in [(1, 6), (1, 9), (2, 3), (3, 4), (2, 7), (2, 8)] {
      space[Self.key(1, term, index)] = Self.value(term, index)
    }
    try Self.place(space, at: path)
    let group = try RaftwalReader(path: path).group(1)
    #expect(group.entries.map(\.term) == [2, 3, 3])
    #expect(group.entries.map(\.index) == [5, 6, 7])
    #expect(group.doubts == [])
  }

  @Test func damageIsNamed() throws {
    let changes: [(key: [UInt8], value: [UInt8]?, text: String)] = [
      (Self.key(1, 2, 5), nil, "entries from 5 to 5 are missing"),
      (Self.key(2, 1, 2), nil, "entries from 2 to 2 are missing"),
      (Self.key(2, 1, 2), [0xff], "key"),
      (Self.key(2, 1, 2), Self.value(1, 3), "has entry 3"),
      (Self.id + [0x68, 0x73, 0, 0, 0, 2], [24, 9], "commit 9 is beyond"),
      (Self.id + [0x73, 0x73, 0, 0, 0, 2], [0x12, 200], "key"),
      (Self.id + [0x63, 0x6b, 0, 0, 0, 2], [], "no such key"),
      ([9] + Self.key(2, 1, 2).dropFirst(), [], "belongs to raft id"),
      (Self.raftID, [1, 2], "raftid"),
    ]
    for (key, value, text) in changes {
      let directory = try TemporaryDirectory("raftwal")
      let path = directory.child("raft")
      var space = Self.space
      space[key] = value
      try Self.place(space, at: path)
      let error = #expect(throws: LogStoreError.self) {
        let reader = try RaftwalReader(path: path)
        for group in try reader.groups() { _ = try reader.group(group) }
      }
      #expect(error.map { "\($0)" }?.contains(text) == true, "\(text): \(error as Any)")
      #expect(error.map { "\($0)" }?.contains(path) == true)
    }
  }
}
