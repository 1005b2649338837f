import Glibc

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
