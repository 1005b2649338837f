import Codec
import Engine
import Testing

@testable import Transaction

/// `max_ts`, locks in memory, latches, and the cache of committed transactions.
struct ConcurrencyTests {
  private func encoded(_ key: String) -> [UInt8] { MemComparable.encode(Array(key.utf8)) }

  @Test func maxTSNeverDecreases() {
    let control = ConcurrencyControl()
    control.raiseMaxTS(to: Timestamp(10))
    control.raiseMaxTS(to: Timestamp(5))
    control.raiseMaxTS(to: .max)
    #expect(control.maxTS == Timestamp(10))
  }

  /// A timestamp in the far future would stay `max_ts` for ever.
  @Test func aRequestDoesNotNameTheFarFuture() throws {
    let control = ConcurrencyControl()
    try control.raiseMaxTS(toRequested: Timestamp(7))
    control.boundRequests(to: Timestamp(100))
    try control.raiseMaxTS(toRequested: Timestamp(100))
    try control.raiseMaxTS(toRequested: .max)
    let error = TransactionError.timestampTooLarge(Timestamp(101), bound: Timestamp(100))
    #expect(throws: error) { try control.raiseMaxTS(toRequested: Timestamp(101)) }
    let get = Get(Array("k".utf8), ReadOptions(at: Timestamp(101)))
    #expect(throws: error) { try get.prepare(control) }
    #expect(control.maxTS == Timestamp(100))
  }

  @Test func memoryLocksAreFoundInKeyOrder() throws {
    let control = ConcurrencyControl()
    for (key, startTS) in [("c", 3), ("a", 9), ("b", 5)] as [(String, UInt64)] {
      control.publish(encoded(key)) { _ in
        Lock(.put, primary: Array(key.utf8), startTS: Timestamp(startTS))
      }
    }
    #expect(control.minStartTS == Timestamp(3))
    func found(_ range: KeyRange) throws -> [UInt64] {
      var found: [UInt64] = []
      try control.check(in: range) { _, lock in found.append(lock.startTS.value) }
      return found
    }
    #expect(try found(.all) == [9, 5, 3])
    #expect(try found(KeyRange(start: encoded("b"), end: encoded("c"))) == [5])
    control.release([encoded("b"), encoded("x")])
    #expect(try found(.all) == [9, 3])
    control.release([encoded("a"), encoded("c")])
    #expect(control.minStartTS == nil)
  }

  /// A read and a prewrite at the same moment: the read sees the lock, or the prewrite's timestamp is above the read.
  @Test func aReadSeesTheLockOrIsBelowIt() async {
    let key = encoded("k")
    let read = Timestamp(50)
    for round in 0..<400 {
      let control = ConcurrencyControl()
      async let isSeen = Task.detached {
        var isSeen = false
        control.raiseMaxTS(to: read)
        try? control.check(key) { _ in isSeen = true }
        return isSeen
      }.value
      async let computed = Task.detached {
        var computed = Timestamp.zero
        control.publish(key) { maxTS in
          computed = Timestamp(maxTS.value + 1)
          return Lock(.put, primary: [], startTS: .zero, minCommitTS: computed)
        }
        return computed
      }.value
      let (wasSeen, minCommitTS) = await (isSeen, computed)
      if !wasSeen, minCommitTS <= read { Issue.record("round \(round)") }
    }
  }

  @Test func aFailedPrewriteLeavesNoMemoryLock() throws {
    let store = ScriptStore(try memoryEngine())
    let control = store.concurrency
    var first = Prewrite(
      [PrewriteMutation(.put([1]), key: Array("b".utf8))], primary: Array("b".utf8),
      startTS: Timestamp(5))
    first.secondaries = []
    let output = try first.execute(store.snapshot(), control)
    #expect(output.changes.memoryLocks == [encoded("b")])
    #expect(control.minStartTS == Timestamp(5))
    _ = try store.apply(output)
    #expect(control.minStartTS == nil)
    var second = Prewrite(
      ["a", "b"].map { PrewriteMutation(.put([2]), key: Array($0.utf8)) },
      primary: Array("a".utf8), startTS: Timestamp(8))
    second.triesOnePhase = true
    #expect(throws: TransactionError.self) { try second.execute(store.snapshot(), control) }
    #expect(control.minStartTS == nil)
    second.maxCommitTS = Timestamp(8)
    second.mutations.removeLast()
    _ = try second.execute(store.snapshot(), control)
    #expect(control.minStartTS == nil, "a prewrite that fell back")
  }

  @Test func latchesOfOneSlotDoNotBlockEachOther() {
    var latches = Latches(slots: 1)
    var first = Latches.Request([7, 3, 7])
    var second = Latches.Request([4, 7])
    var third = Latches.Request([7])
    #expect(first.hashes == [3, 7])
    #expect(latches.acquire(&first, for: 1))
    #expect(!latches.acquire(&second, for: 2))
    #expect(second.held == 1)
    #expect(!latches.acquire(&third, for: 3))
    #expect(!latches.acquire(&third, for: 3), "it waits once")
    #expect(latches.release(first, of: 1).woken == [2])
    #expect(latches.acquire(&second, for: 2))
    #expect(latches.release(second, of: 2).woken == [3])
    #expect(latches.acquire(&third, for: 3))
    #expect(latches.release(third, of: 3).woken.isEmpty)
  }

  @Test func theStatusCacheForgets() {
    var cache = TransactionStatusCache(capacity: 2, timeToLive: 100)
    cache.insert(Timestamp(1), commitTS: Timestamp(2), now: 0)
    cache.insert(Timestamp(3), commitTS: Timestamp(4), now: 50)
    #expect(cache.commitTS(of: Timestamp(1)) == Timestamp(2))
    cache.insert(Timestamp(5), commitTS: Timestamp(6), now: 60)
    #expect(cache.commitTS(of: Timestamp(1)) == nil, "above the capacity")
    cache.insert(Timestamp(7), commitTS: Timestamp(8), now: 155)
    #expect(cache.commitTS(of: Timestamp(3)) == nil, "too old")
    #expect(cache.commitTS(of: Timestamp(5)) == Timestamp(6))
    #expect(cache.count == 2)
  }
}
