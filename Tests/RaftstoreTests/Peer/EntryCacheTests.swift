import Raft
import Testing

@testable import Raftstore

@Suite struct EntryCacheTests {
  private func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 10) -> [Entry] {
    range.map { Entry(term: term, index: $0, data: [UInt8](repeating: 7, count: bytes)) }
  }

  @Test func appendsAndReplaces() {
    var cache = EntryCache(limit: 1 << 20, unappliedLimit: 1 << 20)
    cache.append(entries(5...9), applied: 0)
    cache.append(entries(8...10, term: 2), applied: 0)
    #expect(cache.firstIndex == 5)
    #expect(cache.lastIndex == 10)
    #expect((5...10).map { cache.term(at: $0) } == [1, 1, 1, 2, 2, 2])
    #expect(cache.term(at: 4) == nil)
    #expect(cache.term(at: 11) == nil)
    cache.append(entries(3...3, term: 3), applied: 0)
    #expect(cache.firstIndex == 3)
    #expect(cache.lastIndex == 3)
  }

  @Test func aGapStartsAnew() {
    var cache = EntryCache(limit: 1 << 20, unappliedLimit: 1 << 20)
    cache.append(entries(5...9), applied: 0)
    cache.append(entries(20...21), applied: 0)
    #expect(cache.firstIndex == 20)
    #expect(cache.slice(from: 20, to: 22, maxSize: .max).map(\.index) == [20, 21])
  }

  @Test func staysBelowItsLimit() {
    var cache = EntryCache(limit: 10 * 164, unappliedLimit: 100 * 164)
    for index in 1...100 {
      cache.append(entries(UInt64(index)...UInt64(index), bytes: 100), applied: .max)
    }
    #expect(cache.bytes <= 10 * 164)
    #expect(cache.lastIndex == 100)
    #expect(cache.firstIndex == 91)
    cache.compact(to: 95)
    #expect(cache.firstIndex == 96)
    cache.compact(to: 100)
    #expect(cache.isEmpty)
    #expect(cache.bytes == 0)
  }

  /// The apply worker needs them: dropping them would have the raft worker read the disk.
  @Test func whatIsNotAppliedStays() {
    var cache = EntryCache(limit: 10 * 164, unappliedLimit: 100 * 164)
    for index in 1...100 as ClosedRange<UInt64> {
      cache.append(entries(index...index, bytes: 100), applied: 5)
    }
    #expect(cache.firstIndex == 6)
    #expect(cache.lastIndex == 100)
    cache.trim(applied: 50)
    #expect(cache.firstIndex == 51)
    cache.trim(applied: 100)
    #expect(cache.firstIndex == 91)
  }

  /// A follower that stores faster than it applies must not fill the memory.
  @Test func whatIsNotAppliedIsBoundedToo() {
    var cache = EntryCache(limit: 10 * 164, unappliedLimit: 30 * 164)
    for index in 1...100 as ClosedRange<UInt64> {
      cache.append(entries(index...index, bytes: 100), applied: 0)
      #expect(cache.bytes <= 30 * 164)
    }
    #expect(cache.firstIndex == 71)
    #expect(cache.lastIndex == 100)
  }

  @Test func slicesAreCutBySizeButNeverEmpty() {
    var cache = EntryCache(limit: 1 << 20, unappliedLimit: 1 << 20)
    let all = entries(1...4, bytes: 100)
    cache.append(all, applied: 0)
    let one = all[0].encodedSize
    #expect(cache.slice(from: 1, to: 5, maxSize: 0).count == 1)
    #expect(cache.slice(from: 1, to: 5, maxSize: one * 2).count == 2)
    #expect(cache.slice(from: 1, to: 5, maxSize: one * 2 - 1).count == 1)
    #expect(cache.slice(from: 2, to: 4, maxSize: .max).map(\.index) == [2, 3])
    #expect(cache.slice(from: 2, to: 2, maxSize: .max).isEmpty)
  }
}
