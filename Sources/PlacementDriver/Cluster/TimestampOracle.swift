import Codec

/// Timestamps that only grow, over restarts and whatever the wall clock does: the end of a window
/// is durable before a timestamp inside it leaves, and a restart begins behind the window.
struct TimestampOracle {
  /// How far ahead the window is written.
  static let windowMilliseconds: UInt64 = 3000
  /// What one request may ask for: a millisecond's worth.
  static let maxCount = Timestamp.maxLogical

  private var physical: UInt64
  private var logical: UInt64 = 0
  /// Every timestamp given so far has a smaller physical part.
  private var windowEnd: UInt64
  /// Whether someone asked since the window was last moved: an idle driver writes nothing.
  private var isAsked = false

  init(_ storage: PlacementStorage) throws(PlacementError) {
    windowEnd = try storage.integer(PlacementKeys.timestampEnd) ?? 0
    guard windowEnd >> (64 - Timestamp.logicalBits) == 0 else {
      throw storage.damaged(PlacementKeys.timestampEnd)
    }
    physical = windowEnd
  }

  /// Takes `count` timestamps in a row and answers the largest.
  mutating func take(
    _ count: UInt64, wallMilliseconds: UInt64, _ storage: inout PlacementStorage
  ) throws(PlacementError) -> Timestamp {
    guard count >= 1, count <= Self.maxCount else {
      throw PlacementError(.unknown, "tso count should be in 1...\(Self.maxCount), not \(count)")
    }
    var next = (physical: physical, logical: logical)
    if wallMilliseconds > next.physical { next = (wallMilliseconds, 0) }
    if next.logical + count > Timestamp.maxLogical { next = (next.physical + 1, 0) }
    try reserve(beyond: next.physical, &storage)
    (physical, logical) = next
    logical += count
    isAsked = true
    return Timestamp(physical: physical, logical: logical)
  }

  /// Moves the window on before a request has to wait for it.
  mutating func extend(
    wallMilliseconds: UInt64, _ storage: inout PlacementStorage
  ) throws(PlacementError) {
    guard isAsked else { return }
    let half = Self.windowMilliseconds / 2
    let (ahead, isOverflowing) = max(physical, wallMilliseconds).addingReportingOverflow(half)
    // A clock that is out of range is told to whoever asks for a timestamp.
    guard !isOverflowing, Self.windowEnd(beyond: ahead) != nil else { return }
    if ahead >= windowEnd { isAsked = false }
    try reserve(beyond: ahead, &storage)
  }

  private mutating func reserve(
    beyond physical: UInt64, _ storage: inout PlacementStorage
  ) throws(PlacementError) {
    guard physical >= windowEnd else { return }
    guard let newEnd = Self.windowEnd(beyond: physical) else {
      throw PlacementError(.internal, "the clock is out of a timestamp's range: \(physical) ms")
    }
    try storage.put(PlacementKeys.timestampEnd, newEnd)
    windowEnd = newEnd
  }

  /// Where a window ends that begins there; nil beyond a timestamp's range.
  private static func windowEnd(beyond physical: UInt64) -> UInt64? {
    let (end, isOverflowing) = physical.addingReportingOverflow(windowMilliseconds)
    return isOverflowing || end >> (64 - Timestamp.logicalBits) != 0 ? nil : end
  }
}
