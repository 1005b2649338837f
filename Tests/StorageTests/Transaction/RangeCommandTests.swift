import Codec
import Engine
import Runtime
import Storage
import Synchronization
import Testing
import Transaction

/// Commands over ranges, and reads of many keys.
struct RangeCommandTests {
  private static func key(_ number: Int) -> String { "k" + String(1000 + number) }

  /// Locks of a transaction on many keys.
  private func prewritten(_ count: Int, _ startTS: UInt64) throws -> TransactionFixture {
    let fixture = try TransactionFixture()
    for first in stride(from: 0, to: count, by: 100) {
      _ = fixture.prewrite((first..<min(first + 100, count)).map(Self.key), startTS)
    }
    try fixture.settle()
    return fixture
  }

  private func locks(_ fixture: TransactionFixture, maxTS: UInt64 = 1000) throws -> [LockInfo] {
    let command = ScanLock(range: .all, maxTS: Timestamp(maxTS))
    let response: Response<[LockInfo]> = fixture.call {
      fixture.commands.scanLock(fixture.context, command, on: fixture.executor, $0)
    }
    return try response.get()
  }

  private func scan(
    _ fixture: TransactionFixture, _ timestamp: UInt64, limit: Int = .max, isReverse: Bool = false,
    range: KeyRange = .all, sampleStep: Int = 0, slicing: ReadTimeSlicing? = nil
  ) -> Response<[ScanEntry]> {
    let command = Scan(
      range: range, ReadOptions(at: Timestamp(timestamp)), limit: limit, isReverse: isReverse,
      sampleStep: sampleStep)
    return fixture.call {
      fixture.commands.scan(
        fixture.context, command, on: fixture.executor, slicing: slicing, $0)
    }
  }

  @Test func allLocksOfATransactionAreResolved() throws {
    let fixture = try prewritten(600, 10)
    _ = fixture.prewrite(["other"], 20)
    try fixture.settle()
    #expect(try locks(fixture).count == 601)
    #expect(try locks(fixture, maxTS: 15).count == 600)
    let command = ResolveLock([Timestamp(10): Timestamp(15)])
    let response: Response<Void> = fixture.call {
      fixture.commands.resolveLock(fixture.context, command, on: fixture.executor, $0)
    }
    try fixture.settle()
    try response.get()
    #expect(try locks(fixture).map(\.lock.startTS) == [Timestamp(20)])
    #expect(try scan(fixture, 15).get().count == 600)
    #expect(fixture.commands.pendingWrites == (0, 0))
  }

  @Test func aResolutionStopsAtItsFirstError() throws {
    let fixture = try prewritten(300, 10)
    let command = ResolveLock([Timestamp(10): Timestamp(5)])
    let response: Response<Void> = fixture.call {
      fixture.commands.resolveLock(fixture.context, command, on: fixture.executor, $0)
    }
    try fixture.settle()
    #expect(
      response.failure
        == .transaction(.invalidTimestampOrder(startTS: Timestamp(10), commitTS: Timestamp(5))))
    #expect(try locks(fixture).count == 300)
  }

  @Test func pessimisticLocksOfTheRegionAreRolledBack() throws {
    let fixture = try TransactionFixture()
    for number in 0..<600 { _ = fixture.lock([Self.key(number)], 10) }
    _ = fixture.lock(["other"], 20)
    try fixture.settle()
    let command = PessimisticRollback(
      keys: [], startTS: Timestamp(10), forUpdateTS: Timestamp(10))
    let response: Response<Void> = fixture.call {
      fixture.commands.pessimisticRollback(fixture.context, command, on: fixture.executor, $0)
    }
    try fixture.settle()
    try response.get()
    #expect(try locks(fixture).map(\.lock.startTS) == [Timestamp(20)])
  }

  @Test func aLockInMemoryFailsAScanOfLocks() throws {
    let fixture = try TransactionFixture()
    let prewrite = fixture.prewrite(["a"], 10) { $0.secondaries = [] }
    fixture.run()
    #expect(throws: TransactionFailure.self) { try locks(fixture, maxTS: 10) }
    #expect(try locks(fixture, maxTS: 9).isEmpty)
    #expect(scan(fixture, 20).lockedBy == [10])
    try fixture.settle()
    _ = try prewrite.get()
    #expect(try locks(fixture, maxTS: 10).count == 1)
  }

  // MARK: Scans

  @Test func scansAreCutToTheRegion() throws {
    let fixture = try TransactionFixture(from: "b", to: "d")
    _ = fixture.prewrite(["b", "c"], 10)
    try fixture.settle()
    _ = fixture.commit(["b", "c"], 10, 11)
    try fixture.settle()
    let all = try scan(fixture, 20).get().map { String(decoding: $0.key, as: UTF8.self) }
    #expect(all == ["b", "c"])
    let reverse = try scan(fixture, 20, isReverse: true).get()
    #expect(reverse.map { String(decoding: $0.key, as: UTF8.self) } == ["c", "b"])
    let outside = KeyRange(encodingUserKeys: Array("x".utf8), Array("y".utf8))
    #expect(try scan(fixture, 20, range: outside).get().isEmpty)
  }

  @Test func aSlicedScanReturnsTheSame() throws {
    let fixture = try prewritten(500, 10)
    for first in stride(from: 0, to: 500, by: 100) {
      _ = fixture.commit((first..<first + 100).map(Self.key), 10, 11)
    }
    try fixture.settle()
    let slices = Slices()
    for (limit, step) in [(Int.max, 0), (130, 0), (Int.max, 7), (20, 3)] {
      for isReverse in [false, true] {
        let whole = try scan(
          fixture, 20, limit: limit, isReverse: isReverse, sampleStep: step
        ).get()
        let sliced = scan(
          fixture, 20, limit: limit, isReverse: isReverse, sampleStep: step,
          slicing: slices.slicing(fixture))
        fixture.run()
        #expect(try sliced.get() == whole)
        #expect(whole.count == min(limit, step == 0 ? 500 : (500 + step - 1) / step))
      }
    }
    #expect(slices.count > 8)
  }

  @Test func keysWithoutValuesDoNotHoldUpOthers() throws {
    let fixture = try prewritten(500, 10)
    for first in stride(from: 0, to: 500, by: 100) {
      _ = fixture.commit((first..<first + 100).map(Self.key), 10, 11)
    }
    try fixture.settle()
    let slices = Slices()
    // None of the keys is visible at the timestamp.
    let empty = scan(fixture, 5, slicing: slices.slicing(fixture))
    #expect(empty.isPending)
    fixture.run()
    #expect(try empty.get().isEmpty)
    #expect(slices.count >= 7)
  }

  @Test func repliesAreBounded() throws {
    let fixture = try TransactionFixture { $0.maxReplyBytes = 200 }
    let keys = (0..<20).map(Self.key)
    _ = fixture.prewrite(keys, 10)
    try fixture.settle()
    _ = fixture.commit(keys, 10, 11)
    try fixture.settle()
    guard case .storage(.refused) = scan(fixture, 20).failure else {
      return #expect(Bool(false), "it must not be cut")
    }
    #expect(try scan(fixture, 20, limit: 5).get().count == 5)
  }

  @Test func manyKeysAreReadAtOnce() throws {
    let fixture = try prewritten(150, 10)
    _ = fixture.commit((0..<100).map(Self.key), 10, 11)
    try fixture.settle()
    let keys = (0..<160).reversed().map { Array(Self.key($0).utf8) }
    let command = BatchGet(keys, ReadOptions(at: Timestamp(20)))
    let response: Response<[ScanEntry]> = fixture.call {
      fixture.commands.batchGet(fixture.context, command, on: fixture.executor, $0)
    }
    let entries = try response.get()
    #expect(entries.map(\.key) == Array(keys.dropFirst(10)), "locked ones are named")
    let locked = entries.filter { if case .locked = $0 { true } else { false } }
    #expect(locked.count == 50)
  }

  // MARK: Deletion, inspection, flashback

  @Test func aRangeIsDeleted() throws {
    let fixture = try prewritten(10, 10)
    let range = KeyRange(encodingUserKeys: Array(Self.key(2).utf8), Array(Self.key(5).utf8))
    let kept: Response<Void> = fixture.call {
      fixture.commands.deleteRange(
        fixture.context, DeleteRange(range: range, notifyOnly: true), on: fixture.executor, $0)
    }
    try fixture.settle()
    try kept.get()
    #expect(try locks(fixture).count == 10)
    let response: Response<Void> = fixture.call {
      fixture.commands.deleteRange(
        fixture.context, DeleteRange(range: range), on: fixture.executor, $0)
    }
    try fixture.settle()
    try response.get()
    #expect(try locks(fixture).count == 7)
    let destroy = try UnsafeDestroyRange(start: Array("k".utf8), end: Array("l".utf8))
    let destroyed: Response<Void> = fixture.call {
      fixture.commands.unsafeDestroyRange(destroy, on: fixture.executor, $0)
    }
    #expect(destroyed.isPending)
    fixture.run()
    try destroyed.get()
    #expect(try locks(fixture).isEmpty)
  }

  @Test func whatIsStoredIsShown() throws {
    let fixture = try TransactionFixture()
    _ = fixture.prewrite(["a"], 10)
    try fixture.settle()
    _ = fixture.commit(["a"], 10, 11)
    _ = fixture.prewrite(["a"], 20)
    try fixture.settle()
    let byKey: Response<MVCCInfo> = fixture.call {
      fixture.commands.mvccGetByKey(
        fixture.context, MvccGetByKey(Array("a".utf8)), on: fixture.executor, $0)
    }
    let info = try byKey.get()
    #expect(info.records.map(\.commitTS.value) == [11])
    #expect(info.lock?.startTS == Timestamp(20))
    func find(_ startTS: UInt64) throws -> KeyMVCCInfo? {
      let response: Response<KeyMVCCInfo?> = fixture.call {
        fixture.commands.mvccGetByStartTS(
          fixture.context, MvccGetByStartTs(Timestamp(startTS), range: .all), on: fixture.executor,
          $0)
      }
      return try response.get()
    }
    #expect(try find(10)?.info == info)
    #expect(try find(15) == nil)
  }

  @Test func garbageIsCollected() throws {
    let fixture = try TransactionFixture()
    for startTS: UInt64 in [10, 20, 30] {
      _ = fixture.prewrite(["a"], startTS)
      try fixture.settle()
      _ = fixture.commit(["a"], startTS, startTS + 1)
      try fixture.settle()
    }
    let command = CollectGarbage(keys: [Array("a".utf8)], safePoint: Timestamp(25))
    let response: Response<Int> = fixture.call {
      fixture.commands.collectGarbage(fixture.context, command, on: fixture.executor, $0)
    }
    try fixture.settle()
    #expect(try response.get() == 1)
    #expect(try fixture.get("a", 25) == "a@20")
    #expect(try fixture.get("a", 15) == nil)
  }

  @Test func aRangeGoesBackToAnEarlierVersion() throws {
    let fixture = try prewritten(600, 10)
    for first in stride(from: 0, to: 600, by: 100) {
      _ = fixture.commit((first..<first + 100).map(Self.key), 10, 11)
    }
    try fixture.settle()
    for first in stride(from: 0, to: 600, by: 100) {
      let keys = (first..<first + 100).map(Self.key)
      _ = fixture.prewrite(keys, 20) {
        for index in $0.mutations.indices { $0.mutations[index].operation = .delete }
      }
      _ = fixture.commit(keys, 20, 21)
    }
    _ = fixture.prewrite(["new"], 30)
    try fixture.settle()
    #expect(try scan(fixture, 25).get().isEmpty)

    let command = FlashbackToVersion(
      range: .all, version: Timestamp(15), startTS: Timestamp(40))
    func second() -> Response<Void> {
      fixture.call {
        fixture.commands.flashback(
          fixture.context, command, commitTS: Timestamp(41), on: fixture.executor, $0)
      }
    }
    let early = second()
    try fixture.settle()
    #expect(early.failure == .transaction(.flashbackNotPrepared(startTS: Timestamp(40))))
    let first: Response<Void> = fixture.call {
      fixture.commands.prepareFlashback(fixture.context, command, on: fixture.executor, $0)
    }
    try fixture.settle()
    try first.get()
    #expect(try locks(fixture).map(\.lock.startTS) == [Timestamp(40)])
    for _ in 0..<2 {
      let done = second()
      try fixture.settle()
      try done.get()
      #expect(try scan(fixture, 50).get().count == 600)
      #expect(try locks(fixture).isEmpty)
    }
    #expect(try scan(fixture, 30).get().isEmpty, "what was written before is not changed")
  }
}

/// Slices of one piece each.
private final class Slices: Sendable {
  private let made = Atomic(0)
  var count: Int { made.load(ordering: .relaxed) }

  func slicing(_ fixture: TransactionFixture) -> ReadTimeSlicing {
    ReadTimeSlicing(
      deadline: fixture.host.clock.now + .seconds(1), slice: .zero,
      now: { fixture.host.clock.now },
      yield: { _, work in
        self.made.add(1, ordering: .relaxed)
        fixture.executor(work)
        return .queued
      })
  }
}
