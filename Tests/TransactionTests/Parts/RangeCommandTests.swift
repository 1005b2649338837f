import Codec
import Engine
import Testing

@testable import Transaction

/// Commands that go over ranges in batches, and flashback from its first to its last step.
struct RangeCommandTests {
  private func store(_ script: String) throws -> ScriptStore {
    let store = ScriptStore(try memoryEngine())
    try run(script, on: store)
    return store
  }

  private func run(_ script: String, on store: ScriptStore) throws {
    for line in script.split(separator: "\n") {
      let step = ScriptStep(String(line).trimmingCharacters(in: .whitespaces), line: 0)
      let result = try store.run(step)
      #expect(result.matches(step.expected, command: step.command), "\(step.text): \(result)")
    }
  }

  @Test func resolvingIsCutIntoBatches() throws {
    let keys = (0..<300).map { "k\(1000 + $0)" }
    let store = try store(
      "prewrite start=5 : " + keys.map { "put \($0) v" }.joined(separator: " ; "))
    let resolve = ResolveLock([Timestamp(5): Timestamp(6)])
    let first = try resolve.findLocks(store.snapshot(), in: .all)
    #expect(first.count == ResolveLock.batchSize)
    try run("resolve start=5 commit=6", on: store)
    try run("locks? => empty\nget k1299 @6 => v", on: store)
    // Again, what was found before: nothing is left to do.
    #expect(try resolve.execute(store.snapshot(), first).changes.isEmpty)
  }

  @Test func largeChangesAreCut() throws {
    let keys = (0..<200).map { "k\(1000 + $0)" }
    let store = try store(
      "prewrite start=5 : " + keys.map { "put \($0) v*250" }.joined(separator: " ; "))
    let resolve = ResolveLock([Timestamp(5): Timestamp(6)])
    var rest = try resolve.findLocks(store.snapshot(), in: .all)[...]
    #expect(rest.count == keys.count)
    var commands = 0
    while !rest.isEmpty {
      let output = try resolve.execute(store.snapshot(), Array(rest))
      #expect(output.changes.byteCount < ResolveLock.batchBytes + 1000)
      rest = rest.dropFirst(try store.apply(output))
      commands += 1
    }
    #expect(commands > 1)
    try run("locks? => empty", on: store)
  }

  @Test func garbageCollectionGoesOnWhereItWasCut() throws {
    let store = try store("putwrite k @1 start=0 value=v")
    let key = MVCCKey(Array("k".utf8))
    let count = UInt64(CollectGarbage.batchBytes / 10)
    for version in 1...count {
      try store.put(
        .write, key.version(Timestamp(version * 2)),
        WriteRecord(.put, startTS: Timestamp(version * 2 - 1), shortValue: [1]).encoded())
    }
    try store.put(
      .write, key.version(Timestamp(count * 2 + 2)),
      WriteRecord(.delete, startTS: Timestamp(count * 2 + 1)).encoded())
    let collect = CollectGarbage(keys: [key.user], safePoint: .max)
    var rounds = 0
    while try store.apply(collect.execute(store.snapshot())) == 0 {
      rounds += 1
      // What is hidden never appears.
      try run("get k @max => none", on: store)
      try #require(rounds < 100)
    }
    #expect(rounds > 0)
    try run("writes? k => empty", on: store)
  }

  @Test func flashbackFromFirstToLastStep() throws {
    let store = try store(
      """
      prewrite start=1 : put a 1 ; put b long*100
      commit start=1 commit=2 : a b
      prewrite start=3 : put a 2 ; del b ; put c 3
      commit start=3 commit=4 : a b c
      prewrite start=7 : put d 4
      """)
    var flashback = FlashbackToVersion(range: .all, version: Timestamp(2), startTS: Timestamp(10))
    for key in try flashback.findLocks(store.snapshot()) {
      _ = try store.apply(flashback.rollBack(store.snapshot(), [key]))
    }
    let mark = try #require(try flashback.findMark(store.snapshot()))
    #expect(mark.user == Array("a".utf8))
    #expect(throws: TransactionError.flashbackNotPrepared(startTS: Timestamp(10))) {
      try flashback.commit(store.snapshot(), mark, at: Timestamp(11))
    }
    for _ in 0..<2 { _ = try store.apply(flashback.prepare(store.snapshot(), mark)) }
    try run("locks? => a@10", on: store)
    #expect(try flashback.findLocks(store.snapshot()).isEmpty)
    for _ in 0..<2 {
      let keys = try flashback.findKeys(
        store.snapshot(), in: .all, commitTS: Timestamp(11), except: mark)
      _ = try store.apply(flashback.write(store.snapshot(), keys, commitTS: Timestamp(11)))
    }
    for _ in 0..<2 {
      _ = try store.apply(flashback.commit(store.snapshot(), mark, at: Timestamp(11)))
    }
    try run(
      """
      locks? => empty
      scan @11 => a=1 b=long*100
      rscan @11 => b=long*100 a=1
      scan @10 => a=2 c=3
      """, on: store)
    flashback.version = Timestamp(11)
    #expect(try flashback.findMark(store.snapshot()) == nil, "nothing is newer")
  }

  @Test func keysOfTransactionsAreBounded() throws {
    let store = ScriptStore(try memoryEngine())
    let long = [UInt8](repeating: 1, count: MVCCKey.maxEncodedCount)
    let prewrite = Prewrite(
      [PrewriteMutation(.put([1]), key: long)], primary: long, startTS: Timestamp(1))
    let lock = PessimisticLock(
      [PessimisticLock.Key(long)], primary: long, startTS: Timestamp(1),
      forUpdateTS: Timestamp(1))
    let count = MemComparable.encodedCount(long.count)
    #expect(throws: TransactionError.keyTooLong(count)) {
      try prewrite.execute(store.snapshot(), store.concurrency)
    }
    #expect(throws: TransactionError.keyTooLong(count)) {
      try lock.execute(store.snapshot(), store.concurrency)
    }
  }
}
