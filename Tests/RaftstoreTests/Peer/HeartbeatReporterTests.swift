import Runtime
import Testing

@testable import Raftstore

@Suite struct HeartbeatReporterTests {
  private static func instant(_ second: UInt64) -> Instant {
    Instant(nanoseconds: second * 1_000_000_000)
  }

  private func reported(_ size: UInt64) -> HeartbeatReporter {
    var reporter = HeartbeatReporter(next: Self.instant(0))
    reporter.begin(pending: [], size: size, at: Self.instant(0), interval: .seconds(60))
    return reporter
  }

  @Test(
    arguments: [
      (0, 1, true), (0, 0, false), (1000, 0, false), (1000, 1000, false), (1000, 1100, false),
      (1000, 1200, true), (1000, 900, false), (1000, 800, true), (10, 100, false), (10, 111, true),
      (1, 101, false), (UInt64.max, 1, true), (1, .max, true),
    ] as [(UInt64, UInt64, Bool)])
  func aSizeIsOff(reported before: UInt64, now: UInt64, isOff: Bool) {
    #expect(reported(before).isSizeOff(now, grain: 100) == isOff)
  }

  /// What was reported before this peer led, or by another one, is not known.
  @Test func aNewLeaderHasReportedNothing() {
    var reporter = reported(1000)
    reporter.leadershipBegins(at: Self.instant(1), read: ReadFlow())
    #expect(reporter.isSizeOff(1000, grain: 100))
  }

  @Test func aRefusedReportIsRepeatedByAHibernatedLeader() {
    var reporter = reported(1)
    reporter.postpone(until: Self.instant(300))
    #expect(reporter.next == Self.instant(300))
    // The refusal arrives after the region has hibernated, or before.
    reporter.refused(at: Self.instant(2), interval: .seconds(60))
    #expect(reporter.next == Self.instant(62))
    reporter.postpone(until: Self.instant(300))
    #expect(reporter.next == Self.instant(62))
    // The next report is another matter.
    reporter.begin(pending: [], size: 1, at: Self.instant(62), interval: .seconds(60))
    reporter.postpone(until: Self.instant(400))
    #expect(reporter.next == Self.instant(400))
  }
}
