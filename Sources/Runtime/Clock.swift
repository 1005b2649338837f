import Glibc

/// A point in monotonic time. Comparable only with instants of the same clock.
package struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since an origin that the clock chooses.
  package var nanoseconds: UInt64

  package init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  package static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The instant after `duration`; saturates at `Int64.max` nanoseconds, which never arrives, and at 0.
  package static func + (instant: Instant, duration: Duration) -> Instant {
    let (sum, isOverflowing) = Int64(clamping: instant.nanoseconds)
      .addingReportingOverflow(duration.asNanoseconds)
    // An instant is not negative, so only a long positive duration overflows.
    return Instant(nanoseconds: isOverflowing ? UInt64(Int64.max) : UInt64(clamping: sum))
  }

  /// The time from `right` to `left`; negative if `right` is later.
  package static func - (left: Instant, right: Instant) -> Duration {
    .nanoseconds(Int64(clamping: left.nanoseconds) - Int64(clamping: right.nanoseconds))
  }
}

/// The source of time. Core code reads no other clock, so that a simulation controls time.
package protocol Clock: Sendable {
  /// Monotonic time. It must not stop while the machine sleeps nor be set: leader leases depend on its drift
  /// being bounded.
  var now: Instant { get }
  /// Milliseconds since 1970-01-01 UTC. May jump. For timestamps shown to people and for PD's timestamp
  /// oracle, which tolerates jumps.
  var wallMilliseconds: UInt64 { get }
}

extension Duration {
  /// The duration in whole nanoseconds, clamped to `Int64`.
  package var asNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, sumOverflow) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return sumOverflow ? (seconds < 0 ? .min : .max) : sum
  }

  /// The duration in seconds, for metrics.
  package var inSeconds: Double {
    Double(asNanoseconds) / 1e9
  }
}

/// The clocks of the operating system: `CLOCK_BOOTTIME`, which counts sleep, and `CLOCK_REALTIME`.
package struct SystemClock: Clock {
  package init() {}

  package var now: Instant {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  package var wallMilliseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    // A time before 1970 counts as 1970.
    return UInt64(clamping: time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
  }
}
