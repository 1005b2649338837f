package import Runtime

/// A machine's clock: virtual time, ahead or behind by a constant, and too fast or too slow.
package final class SimulatedClock: Clock {
  private struct State {
    /// When the present rate began: virtual nanoseconds, and this clock's.
    var trueBase: UInt64 = 0
    var localBase: UInt64 = 0
    var rate: Int64 = 1_000_000
    var wallError: Int64 = 0
  }

  private let scheduler: SimulationScheduler
  private let state = ThreadBound(State())

  init(scheduler: SimulationScheduler) {
    self.scheduler = scheduler
  }

  /// This clock's nanoseconds for each million of true ones.
  package var rate: Int64 { state.value.rate }

  /// Milliseconds by which the time of day is wrong.
  package var wallError: Int64 {
    get { state.value.wallError }
    set { state.value.wallError = newValue }
  }

  package var now: Instant {
    let state = state.value
    return Instant(
      nanoseconds: state.localBase
        + Self.scaled(scheduler.now.nanoseconds - state.trueBase, state.rate))
  }

  package var wallMilliseconds: UInt64 {
    let millis = Int64(now.nanoseconds / 1_000_000) + wallError
    return UInt64(clamping: 1_700_000_000_000 + millis)
  }

  /// Runs at another rate from now on; it never jumps, and never back.
  package func drift(to rate: Int64) {
    precondition(rate > 0, "a clock goes forward")
    let (local, real) = (now.nanoseconds, scheduler.now.nanoseconds)
    state.value.localBase = local
    state.value.trueBase = real
    state.value.rate = rate
  }

  /// Jumps ahead, as a monotonic clock may only while its machine is off.
  package func jump(_ ahead: Duration) {
    state.value.localBase += UInt64(max(0, ahead.asNanoseconds))
  }

  /// How long `duration` on this clock really takes.
  func trueDuration(_ duration: Duration) -> Duration {
    let local = max(0, duration.asNanoseconds)
    let rate = rate
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
