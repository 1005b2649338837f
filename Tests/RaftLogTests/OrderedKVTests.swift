import Raft
import RaftLog
import RocksDB
import Runtime
import TestSupport
import Testing

/// The key space of an ordered key-value log store, raftwal's functions on it, and raftwal's faults, which it does not
/// have.
struct OrderedKVTests {
  private static func open(_ path: String, id: UInt64? = nil) throws -> OrderedKVLogStore {
    var options = OrderedKVLogStoreOptions()
    options.raftID = id
    return try OrderedKVLogStore(path: path, options: options)
  }

  private static func database(_ path: String) throws -> DB {
    try DB(
      path: path, options: DBOptions(),
      families: [("default", FamilyOptions()), ("apus", FamilyOptions())])
  }

  /// All pairs of the default family.
  private static func pairs(_ path: String) throws -> [[UInt8]: [UInt8]] {
    let db = try database(path)
    let iterator = db.iterator(db.families[0])
    var pairs: [[UInt8]: [UInt8]] = [:]
    iterator.seekToFirst()
    while iterator.isValid {
      pairs[iterator.key] = iterator.value
      iterator.next()
    }
    return pairs
  }

  @Test func layoutIsRaftwals() throws {
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    let store = try Self.open(path, id: 0x0102_0304_0506_0708)
    let snapshot = Snapshot(
      data: [0xdd],
      metadata: SnapshotMetadata(
        confState: ConfState(voters: [1, 300], learners: [4]), index: 1, term: 5))
    try store.store(7, HardState(term: 300, vote: 2, commit: 1), run(5, 1...1))
    try store.storeSnapshot(7, snapshot)
    try store.store(
      7, HardState(), [Entry(type: .confChange, term: 300, index: 2, data: [0xaa])])
    try store.close()
    let id: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    let expected: [[UInt8]: [UInt8]] = [
      Array("raftid".utf8): id,
      id + [0x73, 0x73, 0, 0, 0, 7]: [
        0x0a, 1, 0xdd, 0x12, 15, 0x0a, 9, 8, 1, 8, 0xac, 2, 0x10, 4, 0x28, 0, 0x10, 1, 0x18, 5,
      ],
      id + [0x68, 0x73, 0, 0, 0, 7]: [8, 0xac, 2, 0x10, 2, 0x18, 1],
      id + [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 0, 0, 0, 0, 2]: [
        8, 1, 0x10, 0xac, 2, 0x18, 2, 0x22, 1, 0xaa,
      ],
    ]
    #expect(try Self.pairs(path) == expected)
    let again = try Self.open(path)
    #expect(again.raftID == 0x0102_0304_0506_0708)
    #expect(try again.snapshot(7) == snapshot)
    #expect(again.hardState(7) == HardState(term: 300, vote: 2, commit: 1))
  }

  /// A batch of two terms over an older tail. raftwal deletes only behind the last entry, and the entry of the term in
  /// between wins.
  @Test func a1_anEntryOfATermInBetweenDoesNotSurvive() throws {
    let batches = [run(3, 1...5), run(5, 6...7), [entry(4, 6), entry(6, 7)]]
    let right = run(3, 1...5) + [entry(4, 6), entry(6, 7)]
    var model = RaftwalModel()
    for batch in batches { model.store(batch) }
    #expect(model.read(fromTerm: 0, fromIndex: 0) == run(3, 1...5) + [entry(5, 6), entry(6, 7)])

    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    var store = try Self.open(path)
    for batch in batches { try store.store(1, HardState(), batch) }
    #expect(try store.all(1) == right)
    try store.verify(deep: true)
    try store.close()
    store = try Self.open(path)
    #expect(try store.entries(1, fromTerm: 0, fromIndex: 0) == right)
    try store.close()
    // raftwal, too, reads the right log.
    let left = RaftwalModel(of: try Self.database(path), id: 1, group: 1)
    #expect(left.read(fromTerm: 0, fromIndex: 0) == right)
    #expect(left.entries.count == 7)
  }

  /// A later term at an index below the first one that was seen.
  @Test func a2_aTermThatBeginsBelowTheFirstIndexOfAnOther() throws {
    var model = RaftwalModel()
    model.store(run(2, 5...6))
    model.store(run(3, 4...4))
    #expect(model.read(fromTerm: 0, fromIndex: 0) == nil)

    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    let store = try Self.open(path)
    let start = Snapshot(metadata: SnapshotMetadata(index: 3, term: 1))
    try store.storeSnapshot(1, start)
    expect(.gap(region: 1, expected: 4, got: 5)) {
      try store.store(1, HardState(), run(2, 5...6))
    }
    try store.store(1, HardState(), run(2, 4...6))
    try store.store(1, HardState(), run(3, 4...4))
    #expect(try store.entries(1, fromTerm: 1, fromIndex: 3) == run(3, 4...4))
    try store.close()
    #expect(
      RaftwalModel(of: try Self.database(path), id: 1, group: 1).read(fromTerm: 1, fromIndex: 3)
        == run(3, 4...4))
  }

  /// Whatever is appended, raftwal's reader finds the same log in the key space.
  @Test(arguments: [UInt64(1), 2, 3])
  func raftwalReadsEveryLogThatIsWritten(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    let store = try Self.open(path)
    var differing = 0
    var model = RaftwalModel()
    for _ in 0..<60 {
      let from = UInt64.random(in: store.firstIndex(1)...store.lastIndex(1) + 1, using: &random)
      var term = try store.term(1, at: from - 1)
      let added = (0..<UInt64.random(in: 1...8, using: &random)).map { offset in
        term += UInt64.random(in: 0...2, using: &random)
        return entry(term, from + offset)
      }
      try store.store(1, HardState(), added, .buffered)
      model.store(added)
      if model.read(fromTerm: 0, fromIndex: 0) != (try store.all(1)) { differing += 1 }
    }
    #expect(differing > 0)
    let all = try store.all(1)
    try store.close()
    let left = RaftwalModel(of: try Self.database(path), id: 1, group: 1)
    #expect(left.read(fromTerm: 0, fromIndex: 0) == all)
  }

  @Test func snapshotsDeleteWhatTheyCover() throws {
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    var store = try Self.open(path)
    for region: UInt64 in 1...3 {
      try store.store(region, HardState(term: 2, vote: 1, commit: 2), run(1, 1...4))
      try store.store(region, HardState(), run(2, 5...8))
    }
    func snapshot(_ index: UInt64, _ term: UInt64) -> Snapshot {
      Snapshot(
        data: [9],
        metadata: SnapshotMetadata(
          confState: ConfState(voters: [1]), index: index, term: term))
    }
    #expect(try store.storeSnapshot(1, Snapshot()).bytes == 0)
    try store.storeSnapshot(1, snapshot(6, 2))
    // Of another log, and beyond the end.
    try store.storeSnapshot(2, snapshot(6, 3))
    try store.storeSnapshot(3, snapshot(20, 4))
    expect(.snapshotOutOfDate(currentIndex: 6, currentTerm: 2)) {
      try store.storeSnapshot(1, snapshot(6, 2))
    }
    for _ in 1...2 {
      #expect(try store.all(1) == run(2, 7...8))
      #expect(try store.entries(1, fromTerm: 2, fromIndex: 6) == run(2, 7...8))
      #expect(try store.entries(1, fromTerm: 3, fromIndex: 0) == [])
      #expect(store.hardState(1).commit == 2)
      #expect(try store.all(2) == [])
      #expect(store.hardState(2) == HardState(term: 2, vote: 1, commit: 6))
      #expect(store.truncated(3) == (20, 4))
      #expect(try store.snapshot(3) == snapshot(20, 4))
      #expect(try store.snapshot(9) == Snapshot())
      try store.close()
      store = try Self.open(path)
    }
    // Without entries nothing is deleted, and an empty hard state is not stored.
    try store.store(1, HardState(), [])
    #expect(store.lastIndex(1) == 8)
    #expect(store.hardState(1).term == 2)
    try store.close()
    #expect(try Self.pairs(path).keys.filter { $0.count == 28 }.count == 2)
  }

  @Test func heldEntriesAreDeletedByPurge() throws {
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    var store = try Self.open(path)
    try store.store(1, HardState(), run(1, 1...40) + run(2, 41...100))
    _ = store.hold(1, from: 30)
    for (index, term): (UInt64, UInt64) in [(50, 2), (60, 2)] {
      var batch = LogBatch()
      batch.compact(1, to: index, term: term)
      _ = try store.write(batch, .buffered)
    }
    try store.close()
    #expect(try Self.pairs(path).keys.filter { $0.count == 28 }.count == 71)
    store = try Self.open(path)
    _ = store.hold(1, from: 45)
    try store.purge()
    try store.verify(deep: true)
    try store.close()
    #expect(try Self.pairs(path).keys.filter { $0.count == 28 }.count == 56)
    store = try Self.open(path)
    try store.purge()
    #expect(try store.all(1) == run(2, 61...100))
    try store.close()
    #expect(try Self.pairs(path).keys.filter { $0.count == 28 }.count == 40)
  }

  /// A group whose number reads as the letters of another kind of key, and numbers above 32 bits.
  @Test func everyRegionHasKeysOfItsOwn() throws {
    let regions: [UInt64] = [
      0, 1, 0x5fff_ffff, 0x6873_0001, 0x7373_0001, 1 << 32, 1 << 40 | 1, .max,
    ]
    let fixture = try LogFixture(.kv)
    try fixture.write { batch in
      for region in regions {
        batch.append(region, run(1, 1...3))
        batch.setHardState(region, HardState(term: 1, vote: region % 5, commit: 2))
        batch.put(region, key: [1], value: [UInt8(region % 251)])
      }
    }
    for left in [regions, Array(regions.dropLast(4)), Array(regions.dropFirst(3).dropLast(4))] {
      try fixture.write { batch in
        for region in regions where !left.contains(region) { batch.destroy(region) }
      }
      try fixture.twice { (store) throws in
        #expect(store.regions() == left)
        for region in left {
          #expect(try store.all(region) == run(1, 1...3))
          #expect(store.hardState(region).vote == region % 5)
          #expect(try store.value(region, key: [1]) == [UInt8(region % 251)])
        }
      }
    }
    try fixture.append(.max, run(2, 1...1))
    try fixture.twice { (store) throws in
      #expect(try store.all(.max) == run(2, 1...1))
      #expect(try store.value(.max, key: [1]) == nil)
    }
  }

  @Test func anotherRaftIDIsRefused() throws {
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    try Self.open(path, id: 5).close()
    let error = #expect(throws: LogStoreError.self) { _ = try Self.open(path, id: 6) }
    #expect(error.map { "\($0)" }?.contains("raft id 5, not 6") == true)
    #expect(try Self.open(path).raftID == 5)
  }

  /// Each change makes opening, `verify` or a read throw `corrupted` with the place.
  @Test(arguments: 0..<9)
  func damageIsNamed(change: Int) throws {
    let directory = try TemporaryDirectory("kv")
    let path = directory.child("raft")
    let store = try Self.open(path)
    try store.store(1, HardState(term: 2, vote: 1, commit: 7), run(1, 1...5) + run(2, 6...9))
    try store.close()
    do {
      let db = try Self.database(path)
      var batch = DBWriteBatch()
      let (raftwal, own) = (db.families[0], db.families[1])
      func key(_ term: UInt8, _ index: UInt8) -> [UInt8] {
        RaftwalModel.prefix(1, 1) + RaftwalModel.bytes(UInt64(term))
          + RaftwalModel.bytes(UInt64(index))
      }
      let hardState = RaftwalModel.bytes(1) + [0x68, 0x73, 0, 0, 0, 1]
      switch change {
      case 0: batch.delete(raftwal, key(1, 1))
      case 1: batch.delete(raftwal, key(1, 3))
      case 2: batch.delete(raftwal, key(1, 5))
      case 3: batch.put(raftwal, key(1, 6), [8, 0, 16, 1, 24, 6])
      case 4: batch.put(raftwal, key(2, 7), [8, 0, 16, 2, 24, 8])
      case 5: batch.put(raftwal, key(2, 7), [0xff])
      case 6: batch.put(raftwal, hardState, [8, 2, 16, 1, 24, 30])
      case 7: batch.put(raftwal, [1, 2, 3], [])
      default: batch.put(own, [3, 0, 0, 0, 0, 0, 0, 0, 9], [0, 0, 0, 1])
      }
      try db.write(batch, sync: true)
    }
    let error = #expect(throws: LogStoreError.self) {
      let store = try Self.open(path)
      try store.verify(deep: true)
    }
    guard case .corrupted(let location, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(location.contains(path))
  }
}
