import Codec

/// Timestamps that only grow, over restarts and whatever the wall clock does: the end of a window
/// is durable before a timestamp inside it leaves, and a restart begins behind the window.
struct TimestampOracle {
  /// How far ahead the window is written.
  static let windowMilliseconds: UInt64 = 3000
  /// What one request may ask for: a millisecond's worth.
  static let maxCount = Timestamp.maxLogical
  /// No physical part reaches this.
  private static let physicalEnd: UInt64 = 1 << (64 - Timestamp.logicalBits)

  private var physical: UInt64
  private var logical: UInt64 = 0
  /// Every timestamp given so far has a smaller physical part.
  private var windowEnd: UInt64
  /// Whether someone asked since the window was last moved: an idle driver writes nothing.
  private var isAsked = false

  init(_ storage: PDStorage) throws(PDError) {
    windowEnd = try storage.integer(PDKeys.timestampEnd) ?? 0
    guard windowEnd < Self.physicalEnd else { throw storage.damaged(PDKeys.timestampEnd) }
    physical = windowEnd
  }

  /// A wall clock set to a time that no timestamp can hold is not followed: time goes on from the last
  /// timestamp.
  private static func usable(_ wallMilliseconds: UInt64) -> UInt64 {
    wallMilliseconds < physicalEnd - 2 * windowMilliseconds ? wallMilliseconds : 0
  }

  /// Takes `count` timestamps in a row and returns the largest.
  mutating func take(
    _ count: UInt64, wallMilliseconds: UInt64, _ storage: inout PDStorage
  ) throws(PDError) -> Timestamp {
    guard count >= 1, count <= Self.maxCount else {
      throw PDError(.unknown, "tso count should be in 1...\(Self.maxCount), not \(count)")
    }
    var next = (physical: physical, logical: logical)
    let wall = Self.usable(wallMilliseconds)
    if wall > next.physical { next = (wall, 0) }
    if next.logical + count > Timestamp.maxLogical { next = (next.physical + 1, 0) }
    try reserve(beyond: next.physical, &storage)
    (physical, logical) = next
    logical += count
    isAsked = true
    return Timestamp(physical: physical, logical: logical)
  }

  /// Moves the window on before a request has to wait for it.
  mutating func extend(
    wallMilliseconds: UInt64, _ storage: inout PDStorage
  ) throws(PDError) {
    guard isAsked else { return }
    let half = Self.windowMilliseconds / 2
    let ahead = max(physical, Self.usable(wallMilliseconds)) + half
    // A request will say so; the driver has other work and goes on.
    guard ahead + Self.windowMilliseconds < Self.physicalEnd else { return }
    if ahead >= windowEnd { isAsked = false }
    try reserve(beyond: ahead, &storage)
  }

  private mutating func reserve(
    beyond physical: UInt64, _ storage: inout PDStorage
  ) throws(PDError) {
    guard physical >= windowEnd else { return }
    let newEnd = physical + Self.windowMilliseconds
    guard newEnd < Self.physicalEnd else {
      throw PDError(.internal, "timestamps have reached their end: \(physical) ms")
    }
    try storage.put(PDKeys.timestampEnd, newEnd)
    windowEnd = newEnd
  }
}
