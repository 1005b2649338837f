import Engine
import Runtime
import Testing

@testable import Raftstore

@Suite struct SplitTriggerTests {
  /// The trigger of a region with parts of 1,600 bytes, at times in seconds.
  private final class Subject {
    var trigger = SplitTrigger(next: .init(nanoseconds: 0))
    var config = SplitConfig()

    init() { config.size = 1600 }

    func begins(at second: UInt64, whileSnapshot: Bool = false) -> Bool {
      trigger.begin(at: Self.instant(second), config, isGeneratingSnapshot: whileSnapshot)
    }

    func fails(at second: UInt64) { trigger.splitFailed(at: Self.instant(second), config) }

    var next: UInt64 { trigger.next.nanoseconds / 1_000_000_000 }

    private static func instant(_ second: UInt64) -> Instant {
      Instant(nanoseconds: second * 1_000_000_000)
    }
  }

  /// Measured once, and then each time that enough was written.
  @Test func writtenBytesTriggerTheNextCheck() {
    let subject = Subject()
    #expect(subject.begins(at: 0))
    #expect(!subject.begins(at: 1))
    subject.trigger.end(RangeSize(bytes: 500, keys: 5))
    subject.trigger.recordWritten(99)
    #expect(subject.trigger.size == RangeSize(bytes: 599, keys: 5))
    #expect(!subject.begins(at: 2))
    subject.trigger.recordWritten(1)
    #expect(subject.begins(at: 3))
    #expect(subject.next == 13)
  }

  /// A snapshot delays a check three times, not for ever.
  @Test func aSnapshotPostponesThreeChecks() {
    let subject = Subject()
    for second in 0..<3 as Range<UInt64> {
      #expect(!subject.begins(at: second, whileSnapshot: true))
    }
    #expect(subject.begins(at: 3, whileSnapshot: true))
  }

  /// A result that is of no use, and a split that failed, are repeated without new writes.
  @Test func whatCameToNothingIsRepeated() {
    let subject = Subject()
    #expect(subject.begins(at: 0))
    subject.trigger.end(nil)
    #expect(subject.begins(at: 10))
    subject.trigger.end(RangeSize(bytes: 9999))
    subject.trigger.splitBegins()
    subject.fails(at: 10)
    #expect(subject.next == 30)
    subject.fails(at: 30)
    #expect(subject.next == 70)
    for _ in 0..<100 { subject.fails(at: 70) }
    #expect(subject.next == 70 + 320)
    #expect(subject.begins(at: 400))
  }

  /// Deletions write little: what says that they are compacted makes the region be measured.
  @Test func aCompactionTriggersACheck() {
    let subject = Subject()
    #expect(subject.begins(at: 0))
    subject.trigger.end(RangeSize(bytes: 500, keys: 5))
    #expect(!subject.begins(at: 20))
    subject.trigger.rangeCompacted(at: Instant(nanoseconds: 21_000_000_000))
    #expect(subject.next == 21)
    #expect(subject.begins(at: 21))
    subject.trigger.end(RangeSize(bytes: 7, keys: 0))
    #expect(subject.trigger.reportedBytes == 7)
    #expect(!subject.begins(at: 40))
  }

  /// Of a region that is another one than was measured only a share may be known; an empty one is not unknown.
  @Test func theSizeOfAnotherRegionIsUnknown() {
    let subject = Subject()
    let now = Instant(nanoseconds: 0)
    #expect(subject.trigger.reportedBytes == 0)
    subject.trigger.end(RangeSize(bytes: 0, keys: 0))
    #expect(subject.trigger.reportedBytes == 1)
    subject.trigger.recordWritten(30)
    subject.trigger.regionChanged(RangeSize(bytes: 250, keys: 2), at: now)
    #expect(subject.trigger.reportedBytes == 250)
    subject.trigger.regionChanged(nil, at: now)
    #expect(subject.trigger.reportedBytes == 0)
  }
}
