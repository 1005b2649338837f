import Runtime

/// Spreads bytes over time: so many a second, with a burst of a tenth of that.
struct ByteRate {
  /// 0: no limit.
  private let bytesPerSecond: UInt64
  /// When all bytes passed so far would have gone through at exactly the rate.
  private var paidUntil: Instant?

  init(bytesPerSecond: UInt64) { self.bytesPerSecond = bytesPerSecond }

  /// Counts bytes that are about to be read or written, and returns how long to wait after that.
  mutating func delay(for bytes: Int, now: Instant) -> Duration {
    guard bytesPerSecond > 0, bytes > 0 else { return .zero }
    let taken = Duration.nanoseconds(
      Int64(clamping: bytes).multipliedReportingOverflow(by: 1_000_000_000).overflow
        ? Int64.max / 2 : Int64(clamping: UInt64(bytes) * 1_000_000_000 / bytesPerSecond))
    let from = max(paidUntil ?? now, now)
    paidUntil = from + taken
    return max(.zero, from + taken - now - Self.burst)
  }

  private static let burst = Duration.milliseconds(100)
}
