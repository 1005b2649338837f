import Runtime

/// A clock that runs slower than the one it is made from, and than the timers beside it.
struct SlowClock: Clock {
  let base: any Clock
  /// How much slower it is.
  let factor: UInt64

  var now: Instant { Instant(nanoseconds: base.now.nanoseconds / factor) }
  var wallMilliseconds: UInt64 { base.wallMilliseconds }
}
