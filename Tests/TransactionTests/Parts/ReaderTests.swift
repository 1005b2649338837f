import Codec
import Engine
import Protobuf
import Synchronization
import Testing

@testable import Transaction

/// What reads cost, and what they do with bytes that no transaction wrote.
struct ReaderTests {
  private func put(_ store: ScriptStore, _ key: String, _ commitTS: UInt64, _ record: WriteRecord)
    throws
  {
    let key = MVCCKey(Array(key.utf8))
    try store.put(.write, key.version(Timestamp(commitTS)), record.encoded())
  }

  private func entries(_ found: [ScanEntry]) -> [String] {
    found.map { entry in
      guard case .pair(let key, let value) = entry else { return "locked" }
      return "\(ScriptValue.text(key))=\(ScriptValue.text(value.value))"
    }
  }

  /// A read of keys with many versions moves the cursor a few times per key.
  @Test(arguments: [false, true])
  func scansDoNotVisitAllVersions(isReverse: Bool) throws {
    let store = ScriptStore(try memoryEngine())
    let keys = (0..<20).map { "k\($0 / 10)\($0 % 10)" }
    for key in keys {
      for version in 1...100 as ClosedRange<UInt64> {
        try put(
          store, key, version * 2,
          WriteRecord(
            .put, startTS: Timestamp(version * 2 - 1), shortValue: Array("\(version)".utf8)))
      }
    }
    let counter = CountingReader(store.snapshot())
    let scan = Scan(range: .all, ReadOptions(at: Timestamp(101)), limit: .max, isReverse: isReverse)
    let found = entries(try scan.execute(counter))
    let expected = keys.map { "\($0)=50" }
    #expect(found == (isReverse ? expected.reversed() : expected))
    #expect(counter.moves.value < keys.count * 24, "\(counter.moves.value)")
    // The newest version is there at once.
    let newest = CountingReader(store.snapshot())
    let all = Scan(range: .all, ReadOptions(at: .max), limit: .max)
    #expect(try all.execute(newest).count == keys.count)
    #expect(newest.moves.value < keys.count * 12, "\(newest.moves.value)")
  }

  /// A record of kind `lock` that names its last change is a jump over all in between.
  @Test func manyLockRecordsAreJumpedOver() throws {
    let store = ScriptStore(try memoryEngine())
    try put(
      store, "k", 2, WriteRecord(.put, startTS: Timestamp(1), shortValue: [UInt8(ascii: "v")]))
    for version in 2...500 as ClosedRange<UInt64> {
      try put(
        store, "k", version * 2,
        WriteRecord(
          .lock, startTS: Timestamp(version * 2 - 1),
          lastChange: .at(commitTS: Timestamp(2), versions: version - 1)))
    }
    let counter = CountingReader(store.snapshot())
    let found = try Get(Array("k".utf8), ReadOptions(at: .max)).execute(counter)
    #expect(found?.value == [UInt8(ascii: "v")] && found?.commitTS == Timestamp(2))
    #expect(counter.moves.value < 30, "\(counter.moves.value)")
  }

  @Test func lastChangesThatPointNowhereEnd() throws {
    let store = ScriptStore(try memoryEngine())
    try put(
      store, "k", 9,
      WriteRecord(.lock, startTS: Timestamp(8), lastChange: .at(commitTS: .max, versions: 100)))
    try put(store, "k", 5, WriteRecord(.put, startTS: Timestamp(4), shortValue: [1]))
    #expect(try Get(Array("k".utf8), ReadOptions(at: .max)).execute(store.snapshot())?.value == [1])
  }

  @Test(arguments: [false, true])
  func sampleStepAndLimitCountPairs(isReverse: Bool) throws {
    let store = ScriptStore(try memoryEngine())
    for key in ["a", "b", "c", "d", "e"] {
      try put(store, key, 2, WriteRecord(.put, startTS: Timestamp(1), shortValue: [0x31]))
    }
    var scan = Scan(
      range: .all, ReadOptions(at: Timestamp(5)), limit: 2, isReverse: isReverse, sampleStep: 2)
    #expect(
      entries(try scan.execute(store.snapshot())) == (isReverse ? ["e=1", "c=1"] : ["a=1", "c=1"]))
    scan.limit = 0
    #expect(try scan.execute(store.snapshot()).isEmpty)
  }

  /// Raw requests may write anything into the families of transactions.
  @Test func foreignBytesAreErrors() throws {
    let store = ScriptStore(try memoryEngine())
    let key = MVCCKey(Array("k".utf8))
    let read = Get(key.user, ReadOptions(at: .max))
    func expectCorruption(_ family: ColumnFamily, _ stored: [UInt8], _ value: [UInt8]) throws {
      try store.put(family, stored, value)
      var errors = 0
      let scan = Scan(range: .all, read.options, limit: .max)
      var reverse = scan
      reverse.isReverse = true
      for body in [
        { _ = try read.execute(store.snapshot()) }, { _ = try scan.execute(store.snapshot()) },
        { _ = try reverse.execute(store.snapshot()) },
      ] as [() throws -> Void] {
        do {
          try body()
        } catch TransactionError.corrupted {
          errors += 1
        }
      }
      #expect(errors == 3, "\(stored.hex) = \(value.hex)")
      try store.put(family, stored, nil)
    }
    try expectCorruption(.write, key.version(Timestamp(5)), [0x51])
    try expectCorruption(.write, key.encoded + [1, 2], [0x50, 1])
    try expectCorruption(.lock, key.encoded, [0x50])
    try store.put(.write, key.version(Timestamp(5)), [0x50, 4])
    #expect(throws: TransactionError.valueMissing(key: key.user, startTS: Timestamp(4))) {
      try read.execute(store.snapshot())
    }
  }

  @Test func destroyedRangesNeedBounds() throws {
    for (start, end) in [("", "b"), ("a", ""), ("", "")] {
      #expect(throws: TransactionError.self) {
        try UnsafeDestroyRange(start: Array(start.utf8), end: Array(end.utf8))
      }
    }
    let store = ScriptStore(try memoryEngine())
    for key in ["a", "b", "c"] {
      let key = MVCCKey(Array(key.utf8))
      try put(store, ScriptValue.text(key.user), 2, WriteRecord(.put, startTS: Timestamp(1)))
      try store.put(.default, key.version(Timestamp(1)), [7])
      try store.put(.lock, key.encoded, Lock(.delete, primary: [], startTS: .zero).encoded())
    }
    try UnsafeDestroyRange(start: Array("b".utf8), end: Array("c".utf8)).execute(store.engine)
    for family in ColumnFamily.data {
      #expect(try store.snapshot().scan(family).count == 2, "\(family)")
    }
  }

  @Test func mvccOfAStartTimestamp() throws {
    let store = ScriptStore(try memoryEngine())
    try put(store, "a", 2, WriteRecord(.put, startTS: Timestamp(1), shortValue: [1]))
    try put(store, "b", 9, .rollback(Timestamp(9), isProtected: true))
    let found = try MvccGetByStartTs(Timestamp(9), range: .all).execute(store.snapshot())
    #expect(found?.key == Array("b".utf8) && found?.info.records.count == 1)
    #expect(try MvccGetByStartTs(Timestamp(2), range: .all).execute(store.snapshot()) == nil)
  }
}

/// Counts how often cursors move.
private final class CountingReader: KVReader {
  final class Moves: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
  }

  private let base: any KVReader
  let moves = Moves()

  init(_ base: any KVReader) {
    self.base = base
  }

  func get(_ family: ColumnFamily, _ key: [UInt8]) throws(EngineError) -> [UInt8]? {
    try base.get(family, key)
  }

  func multiGet(_ family: ColumnFamily, _ keys: [[UInt8]]) throws(EngineError) -> [[UInt8]?] {
    try base.multiGet(family, keys)
  }

  func cursor(
    _ family: ColumnFamily, from lower: [UInt8]?, to upper: [UInt8]?, fillCache: Bool
  ) throws(EngineError) -> any KVCursor {
    let cursor = try base.cursor(family, from: lower, to: upper, fillCache: fillCache)
    return family == .write ? CountingCursor(cursor, moves) : cursor
  }
}

private final class CountingCursor: KVCursor {
  private let base: any KVCursor
  private let moves: CountingReader.Moves

  init(_ base: any KVCursor, _ moves: CountingReader.Moves) {
    self.base = base
    self.moves = moves
  }

  private func move(_ body: () -> Void) {
    moves.add()
    body()
  }

  var isValid: Bool { base.isValid }
  func seekToFirst() { move { base.seekToFirst() } }
  func seekToLast() { move { base.seekToLast() } }
  func seek(_ key: [UInt8]) { move { base.seek(key) } }
  func seekForPrev(_ key: [UInt8]) { move { base.seekForPrev(key) } }
  func next() { move { base.next() } }
  func prev() { move { base.prev() } }
  var key: [UInt8] { base.key }
  var value: [UInt8] { base.value }

  func withKey<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try base.withKey(body)
  }

  func withValue<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    try base.withValue(body)
  }

  func finish() throws(EngineError) { try base.finish() }
}
