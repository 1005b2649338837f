import Codec
import Runtime

/// Timestamps that only grow, over restarts and whatever the wall clock does: the end of a window is durable before a
/// timestamp inside it is returned, and a restart begins after the window. Whoever owns the oracle writes the ends.
///
/// If a millisecond's timestamps are used up before the clock has moved on, the physical part is increased. It
/// increases no faster than time passes, but for a bounded lead: timestamps stay near the clock however many are
/// requested.
struct TimestampOracle: Sendable {
  enum Outcome: Sendable, Hashable {
    /// The largest of the timestamps that were taken.
    case given(Timestamp)
    /// Nothing was taken: the window must first be extended beyond this time, in milliseconds.
    case needsWindow(beyond: UInt64)
  }

  /// How far ahead the window is written.
  static let windowMilliseconds: UInt64 = 3000
  /// The most that one request may take: those of one millisecond.
  static let maxCount = Timestamp.maxLogical
  /// How far demand alone may push the physical part ahead of the clock.
  static let maxLead: UInt64 = 1000
  /// A request for more than this leaves half of the lead to smaller ones, so that one client that takes all it can
  /// does not block the others. TiKV's clients request less.
  static let largeCount: UInt64 = 10_000
  /// No physical part reaches this.
  private static let physicalEnd: UInt64 = 1 << (64 - Timestamp.logicalBits)

  private var physical: UInt64
  private var logical: UInt64 = 0
  /// Every timestamp given so far has a smaller physical part. Durable.
  private(set) var windowEnd: UInt64
  /// Milliseconds by which time may still be pushed on, and when that was worked out. One is added with
  /// every millisecond that passes.
  private var lead = Self.maxLead
  private var leadAt: Instant?
  /// Whether a timestamp was taken since the window was last moved: an idle PD writes nothing.
  private var isUsed = false

  /// - Parameter windowEnd: the durable end of the last window; 0 if there was none.
  init(after windowEnd: UInt64) {
    precondition(windowEnd < Self.physicalEnd, "a window beyond all timestamps")
    self.windowEnd = windowEnd
    physical = windowEnd
  }

  /// The end of the last window that is stored.
  static func storedEnd(_ storage: PDStorage) throws(PDError) -> UInt64 {
    let end = try storage.integer(PDKeys.timestampEnd) ?? 0
    guard end < physicalEnd else { throw storage.damaged(PDKeys.timestampEnd) }
    return end
  }

  /// A wall clock set to a time that no timestamp can hold is not followed: time goes on from the last
  /// timestamp.
  private static func usable(_ wallMilliseconds: UInt64) -> UInt64 {
    wallMilliseconds < physicalEnd - 2 * windowMilliseconds ? wallMilliseconds : 0
  }

  /// Takes `count` timestamps in a row, if the window holds them.
  mutating func take(
    _ count: UInt64, _ reading: ClockReading
  ) throws(PDError) -> Outcome {
    guard count >= 1, count <= Self.maxCount else {
      throw PDError(.unknown, "tso count should be in 1...\(Self.maxCount), not \(count)")
    }
    var next = (physical: physical, logical: logical)
    let wall = Self.usable(reading.wallMilliseconds)
    if wall > next.physical { next = (wall, 0) }
    let isPushed = next.logical + count > Timestamp.maxLogical
    if isPushed {
      restoreLead(at: reading.now)
      guard lead > (count > Self.largeCount ? Self.maxLead / 2 : 0) else {
        throw PDError(
          .unavailable,
          "no \(count) timestamps are left in this millisecond, and time is \(Self.maxLead) ms ahead of the "
            + "clock already: try again later")
      }
      next = (next.physical + 1, 0)
    }
    guard next.physical < windowEnd else { return .needsWindow(beyond: next.physical) }
    if isPushed { lead -= 1 }
    (physical, logical) = next
    logical += count
    isUsed = true
    return .given(Timestamp(physical: physical, logical: logical))
  }

  private mutating func restoreLead(at now: Instant) {
    guard let since = leadAt else {
      leadAt = now
      return
    }
    guard now > since else { return }
    let passed = (now.nanoseconds - since.nanoseconds) / 1_000_000
    lead = passed < Self.maxLead - lead ? lead + passed : Self.maxLead
    // What is less than a millisecond counts the next time.
    leadAt = Instant(nanoseconds: since.nanoseconds + passed * 1_000_000)
  }

  /// The time beyond which the window is to be extended now, before a request has to wait for it; nil if it is far
  /// enough or nothing was taken lately.
  mutating func dueExtension(wallMilliseconds: UInt64) -> UInt64? {
    guard isUsed else { return nil }
    let half = Self.windowMilliseconds / 2
    let ahead = max(physical, Self.usable(wallMilliseconds)) + half
    // A request will fail; PD has other work and goes on.
    guard ahead + Self.windowMilliseconds < Self.physicalEnd, ahead >= windowEnd else {
      return nil
    }
    isUsed = false
    return ahead
  }

  /// The end of a window that holds the time.
  static func windowEnd(beyond physical: UInt64) throws(PDError) -> UInt64 {
    let end = physical + windowMilliseconds
    guard end < physicalEnd else {
      throw PDError(.internal, "timestamps have reached their end: \(physical) ms")
    }
    return end
  }

  /// The window ends here now, which is durable.
  mutating func extend(to end: UInt64) { windowEnd = max(windowEnd, end) }
}
