package import Runtime

/// The time of one call, passed in by the caller: core code reads no clock.
package struct ClockReading: Sendable, Hashable {
  /// Monotonic; all waiting is measured with it.
  package var now: Instant
  /// Milliseconds since 1970; may jump. Timestamps and what people read come from it.
  package var wallMilliseconds: UInt64

  package init(now: Instant, wallMilliseconds: UInt64) {
    self.now = now
    self.wallMilliseconds = wallMilliseconds
  }

  /// The present.
  package init(_ clock: any Clock) {
    self.init(now: clock.now, wallMilliseconds: clock.wallMilliseconds)
  }
}
