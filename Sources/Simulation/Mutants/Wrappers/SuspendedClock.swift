import Runtime

/// A clock that does not count the time in which no one looked at it for longer than a tick: as one
/// that stops with the machine.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class SuspendedClock: Clock, @unchecked Sendable {
  private static let patience = Duration.milliseconds(80)

  private let base: any Clock
  private var last: Instant
  private var uncounted = Duration.zero

  init(_ base: any Clock) {
    self.base = base
    last = base.now
  }

  var now: Instant {
    let real = base.now
    if real - last > Self.patience { uncounted += real - last }
    last = real
    return Instant(nanoseconds: real.nanoseconds - UInt64(uncounted.asNanoseconds))
  }

  var wallMilliseconds: UInt64 { base.wallMilliseconds }
}
