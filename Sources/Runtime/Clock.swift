import Glibc

/// A point in monotonic time, in nanoseconds since an arbitrary origin of this process.
package struct Instant: Hashable, Comparable, Sendable {
  package var nanoseconds: UInt64

  package init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  package static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  package static func + (instant: Instant, duration: Duration) -> Instant {
    let (sum, isOverflowing) = Int64(clamping: instant.nanoseconds)
      .addingReportingOverflow(duration.asNanoseconds)
    // An instant is not negative, so only a long duration overflows: that is never.
    return Instant(nanoseconds: isOverflowing ? UInt64(Int64.max) : UInt64(clamping: sum))
  }

  /// The time from `right` to `left`; negative when `right` is later.
  package static func - (left: Instant, right: Instant) -> Duration {
    .nanoseconds(Int64(clamping: left.nanoseconds) - Int64(clamping: right.nanoseconds))
  }
}

/// Where time comes from. Core code reads no other clock.
package protocol Clock: Sendable {
  /// Monotonic, does not stop while the machine sleeps and is not adjusted: leases count on it.
  var now: Instant { get }
  /// Milliseconds since 1970-01-01 UTC; may jump. For timestamps shown to people and for TSO.
  var wallMilliseconds: UInt64 { get }
}

extension Duration {
  /// The duration in whole nanoseconds, clamped to what 64 bits hold.
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

/// The machine's clocks: `CLOCK_BOOTTIME` (raw enough for leases, counts sleep) and `CLOCK_REALTIME`.
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
    // Before 1970 is 1970.
    return UInt64(clamping: time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
  }
}
