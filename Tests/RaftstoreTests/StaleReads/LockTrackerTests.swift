import Codec
import Engine
import Testing

@testable import Raftstore

@Suite struct LockTrackerTests {
  private func locked(_ key: String, _ startTS: UInt64) -> LockChange {
    .locked(key: Array(key.utf8), startTS: startTS)
  }

  private func unlocked(_ key: String) -> LockChange { .unlocked(key: Array(key.utf8)) }

  /// What changes during the scan comes after what the scan finds.
  @Test func changesDuringTheScanCountAfterIt() {
    var tracker = LockTracker(number: 1, maxBytes: 1 << 20)
    tracker.apply(unlocked("a"))
    tracker.apply(locked("b", 20))
    #expect(tracker.floor() == nil)
    tracker.scanned([locked("a", 5), locked("c", 9)])
    #expect(tracker.floor() == 9)
    tracker.apply(unlocked("c"))
    #expect(tracker.floor() == 20)
    tracker.apply(unlocked("b"))
    #expect(tracker.floor() == .max)
  }

  @Test func aLockIsReplacedByAnother() {
    var tracker = LockTracker(number: 1, maxBytes: 1 << 20)
    tracker.scanned([locked("a", 5), locked("b", 5)])
    tracker.apply(locked("a", 8))
    #expect(tracker.floor() == 5)
    tracker.apply(locked("b", 9))
    #expect(tracker.floor() == 8)
    tracker.apply(locked("z", 3))
    #expect(tracker.floor() == 3)
  }

  @Test func aRangeIsUnlockedAtOnce() {
    var tracker = LockTracker(number: 1, maxBytes: 1 << 20)
    tracker.scanned([locked("a", 5), locked("b", 6), locked("c", 7)])
    tracker.apply(.unlockedRange(KeyRange(start: Array("a".utf8), end: Array("c".utf8))))
    #expect(tracker.floor() == 7)
  }

  /// Without enough memory nothing is known: that is safe, and stays so.
  @Test func tooManyLocksMeanThatNothingIsKnown() {
    var scanning = LockTracker(number: 1, maxBytes: 200)
    for number in 0..<10 { scanning.apply(locked("key\(number)", 5)) }
    scanning.scanned([])
    #expect(scanning.floor() == nil)
    var ready = LockTracker(number: 1, maxBytes: 200)
    ready.scanned([])
    for number in 0..<10 { ready.apply(locked("key\(number)", 5)) }
    #expect(ready.floor() == nil)
    ready.apply(.unlockedRange(.all))
    #expect(ready.floor() == nil)
    var failed = LockTracker(number: 1, maxBytes: 200)
    failed.scanned(nil)
    #expect(failed.floor() == nil)
  }

  @Test func aScanFindsLocksOfWritesOnly() throws {
    let engine = try MemoryEngine()
    var batch = WriteBatch()
    batch.put(.lock, Array("a".utf8), [0x50, 0x04, 0x6b, 0x31, 0x05, 0x00])
    batch.put(.lock, Array("b".utf8), [0x53, 0x04, 0x6b, 0x31, 0x04, 0x00])
    batch.put(.lock, Array("c".utf8), Array("raw value".utf8))
    batch.put(.lock, Array("z".utf8), [0x44, 0x04, 0x6b, 0x31, 0x03, 0x00])
    try engine.write(batch, .buffered)
    let range = KeyRange(start: Array("a".utf8), end: Array("z".utf8))
    #expect(
      try LockTracker.scan(range, in: engine.snapshot(), maxBytes: 1 << 20) == [locked("a", 5)])
    #expect(
      try LockTracker.scan(.all, in: engine.snapshot(), maxBytes: 1 << 20)
        == [locked("a", 5), locked("z", 3)])
    #expect(try LockTracker.scan(.all, in: engine.snapshot(), maxBytes: 80) == nil)
  }
}
