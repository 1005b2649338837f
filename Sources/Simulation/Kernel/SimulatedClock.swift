package import Runtime

/// A machine's clock: virtual time, ahead or behind by a constant, and too fast or too slow.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class SimulatedClock: Clock, @unchecked Sendable {
  private let scheduler: SimulationScheduler
  /// Where the present rate began: virtual time and this clock's.
  private var trueBase: UInt64 = 0
  private var localBase: UInt64 = 0
  /// How many of this clock's nanoseconds make a million of the true ones.
  package private(set) var rate: Int64 = 1_000_000
  /// Milliseconds by which the time of day is wrong.
  package var wallError: Int64 = 0

  init(scheduler: SimulationScheduler) {
    self.scheduler = scheduler
  }

  package var now: Instant {
    Instant(nanoseconds: localBase + Self.scaled(scheduler.now.nanoseconds - trueBase, rate))
  }

  package var wallMilliseconds: UInt64 {
    let millis = Int64(now.nanoseconds / 1_000_000) + wallError
    return UInt64(clamping: 1_700_000_000_000 + millis)
  }

  /// Runs at another rate from now on; it never jumps, and never back.
  package func drift(to rate: Int64) {
    precondition(rate > 0, "a clock goes forward")
    localBase = now.nanoseconds
    trueBase = scheduler.now.nanoseconds
    self.rate = rate
  }

  /// Jumps ahead, as no monotonic clock may: for mutants.
  package func jump(_ ahead: Duration) {
    localBase += UInt64(max(0, ahead.asNanoseconds))
  }

  /// How long `duration` on this clock really takes.
  func trueDuration(_ duration: Duration) -> Duration {
    let local = max(0, duration.asNanoseconds)
    if rate == 1_000_000 { return .nanoseconds(local) }
    return .nanoseconds(
      Int64(
        clamping: UInt64(local) / UInt64(rate) * 1_000_000
          + UInt64(local) % UInt64(rate) * 1_000_000 / UInt64(rate)))
  }

  private static func scaled(_ nanoseconds: UInt64, _ rate: Int64) -> UInt64 {
    if rate == 1_000_000 { return nanoseconds }
    let rate = UInt64(rate)
    return nanoseconds / 1_000_000 * rate + nanoseconds % 1_000_000 * rate / 1_000_000
  }
}
