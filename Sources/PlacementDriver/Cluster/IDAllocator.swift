/// Numbers that are never given twice. The end of a block is durable before its first number
/// leaves, so a restart skips at most one block.
struct IDAllocator {
  static let blockSize: UInt64 = 1000
  /// What one request may ask for.
  static let maxCount: UInt64 = 1_000_000

  /// The last number given.
  private var last: UInt64
  /// The last number of the durable block.
  private var end: UInt64

  init(_ storage: PlacementStorage) throws(PlacementError) {
    end = try storage.integer(PlacementKeys.idEnd) ?? 0
    last = end
  }

  /// Takes `count` numbers in a row and answers the last of them.
  mutating func take(
    _ count: UInt64 = 1, _ storage: inout PlacementStorage
  ) throws(PlacementError) -> UInt64 {
    guard count >= 1, count <= Self.maxCount else {
      throw PlacementError(.invalidArgument, "cannot allocate \(count) ids at once")
    }
    guard last <= .max - count - Self.blockSize else {
      throw PlacementError(.internal, "the ids are used up")
    }
    if last + count > end {
      let newEnd = max(end, last + count - 1) / Self.blockSize * Self.blockSize + Self.blockSize
      try storage.put(PlacementKeys.idEnd, newEnd)
      end = newEnd
    }
    last += count
    return last
  }
}
