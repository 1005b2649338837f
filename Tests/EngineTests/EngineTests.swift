import Engine
import Foundation
import Testing

/// What every engine does, whatever it is made of.
struct EngineTests {
  @Test(arguments: EngineKind.allCases)
  func writesAreReadBackAlsoAfterReopening(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    for family in ColumnFamily.allCases { try fixture.put([("k", family.name)], in: family) }
    for _ in 0..<2 {
      for family in ColumnFamily.allCases {
        #expect(try fixture.engine.text("k", in: family) == family.name)
        #expect(try fixture.engine.text("other", in: family) == nil)
      }
      try fixture.reopen()
    }
  }

  @Test(arguments: EngineKind.allCases)
  func anEmptyValueIsAValue(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("k", "")])
    #expect(try fixture.engine.get(.default, Array("k".utf8)) == [])
    #expect(try fixture.engine.dump() == ["k="])
  }

  @Test(arguments: EngineKind.allCases)
  func operationsOfABatchTakeEffectInOrder(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    var batch = WriteBatch()
    batch.put(.default, [1], [1])
    batch.put(.default, [1], [2])
    batch.put(.default, [2], [1])
    batch.delete(.default, [2])
    batch.put(.default, [3], [1])
    batch.deleteRange(.default, from: [0], to: [4])
    batch.put(.default, [3], [9])
    try fixture.engine.write(batch, .buffered)
    #expect(try fixture.engine.scan(.default) == [KeyValue(key: [3], value: [9])])
  }

  @Test(arguments: EngineKind.allCases)
  func aRolledBackPartIsNotWritten(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    var batch = WriteBatch()
    batch.put(.default, [1], [1])
    let mark = batch.mark
    batch.put(.default, [2], [2])
    batch.deleteRange(.default, from: [0], to: [9])
    batch.rollback(to: mark)
    batch.put(.lock, [3], [3])
    try fixture.engine.write(batch, .buffered)
    #expect(try fixture.engine.get(.default, [1]) == [1])
    #expect(try fixture.engine.get(.default, [2]) == nil)
    #expect(try fixture.engine.get(.lock, [3]) == [3])
  }

  @Test(arguments: EngineKind.allCases)
  func deleteRangeExcludesItsEnd(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])
    var batch = WriteBatch()
    batch.deleteRange(.default, from: Array("b".utf8), to: Array("d".utf8))
    batch.deleteRange(.default, from: Array("z".utf8), to: Array("a".utf8))
    batch.deleteRange(.default, from: Array("a".utf8), to: Array("a".utf8))
    try fixture.engine.write(batch, .buffered)
    #expect(try fixture.engine.dump() == ["a=1", "d=4"])
  }

  @Test(arguments: EngineKind.allCases)
  func multiGetReturnsValuesInOrder(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1"), ("b", "")])
    let keys = ["b", "x", "a", "a"].map { Array($0.utf8) }
    let found = try fixture.engine.multiGet(.default, keys)
    #expect(found == [[], nil, Array("1".utf8), Array("1".utf8)])
  }

  @Test(arguments: EngineKind.allCases)
  func aSnapshotDoesNotChange(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1"), ("b", "2")])
    let snapshot = fixture.engine.snapshot()
    let cursor = try fixture.engine.cursor(.default)
    try fixture.put([("a", "changed"), ("c", "new")])
    var batch = WriteBatch()
    batch.delete(.default, Array("b".utf8))
    try fixture.engine.write(batch, .buffered)
    #expect(try snapshot.dump() == ["a=1", "b=2"])
    #expect(try snapshot.text("a") == "1")
    #expect(try snapshot.multiGet(.default, [Array("c".utf8)]) == [nil])
    cursor.seekToFirst()
    #expect(cursor.value == Array("1".utf8))
    #expect(try fixture.engine.dump() == ["a=changed", "c=new"])
  }

  @Test(arguments: EngineKind.allCases)
  func aClosedEngineThrowsAndItsSnapshotsStayReadable(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1")])
    let engine = fixture.engine
    do {
      let snapshot = engine.snapshot()
      try engine.close()
      try engine.close()
      #expect(try snapshot.text("a") == "1")
    }
    func closed(_ body: () throws -> Void) {
      let error = #expect(throws: EngineError.self) { try body() }
      #expect(error?.kind == .closed)
    }
    closed { _ = try engine.get(.default, [1]) }
    closed { try engine.write(WriteBatch(), .buffered) }
    closed { try engine.sync() }
    closed { _ = try engine.cursor(.default) }
    closed { _ = try engine.snapshot().get(.default, [1]) }
    closed { try engine.flush() }
    try fixture.reopen()
    #expect(try fixture.engine.text("a") == "1")
  }

  @Test(arguments: EngineKind.allCases)
  func aCheckpointOpensAlone(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    try fixture.put([("a", "1")])
    try fixture.put([("s", "state")], in: .raft)
    let path = fixture.directory + "/copy"
    try fixture.engine.checkpoint(to: path)
    try fixture.put([("a", "later")])
    let copy = try fixture.open(path)
    #expect(try copy.dump() == ["a=1"])
    #expect(try copy.text("s", in: .raft) == "state")
    #expect(try fixture.engine.text("a") == "later")
  }

  @Test(arguments: EngineKind.allCases)
  func sizesGrowWithWhatIsStored(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let before = try fixture.engine.usedBytes()
    try fixture.put((0..<2000).map { ("k\($0)", String(repeating: "x", count: 100)) })
    try fixture.engine.flush()
    try fixture.engine.compact(.default, from: nil, to: nil)
    #expect(try fixture.engine.usedBytes() > before)
    let all = try fixture.engine.approximateSize(.default, from: Array("k".utf8), to: [0xff])
    let none = try fixture.engine.approximateSize(.default, from: Array("x".utf8), to: [0xff])
    // The pairs themselves, not the few bytes that are left of them in a file.
    #expect(all > 150_000 && all < 300_000)
    #expect(none < all / 10)
    #expect(fixture.engine.property("rocksdb.estimate-num-keys", .default) == 2000)
  }

  /// Filters and indexes are no part of the pairs, however small a file compresses them.
  @Test(arguments: EngineKind.allCases)
  func sizesOfRangesAddUpToThePairs(kind: EngineKind) throws {
    let fixture = try EngineFixture(kind)
    let pairs = (10_000..<20_000).map { ("k\($0)", String(repeating: "x", count: 20)) }
    try fixture.put(pairs)
    try fixture.engine.flush()
    let stored = UInt64(pairs.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count })
    let bounds = ["k1", "k12", "k13", "k16", "k2"].map { Array($0.utf8) }
    var sum: UInt64 = 0
    for (start, end) in zip(bounds, bounds.dropFirst()) {
      sum += try fixture.engine.approximateSize(.default, from: start, to: end)
    }
    // RocksDB stores 8 bytes more with each key.
    #expect(sum >= stored / 10 * 9 && sum <= (stored + 80_000) / 10 * 11)
  }
}
