/// Allocates unique ids. The end of a block is durable before its first id is returned, so a restart
/// skips at most one block.
struct IDAllocator {
  static let blockSize: UInt64 = 1000
  /// The most that one request may take.
  static let maxCount: UInt64 = 1_000_000

  /// The last id that was returned.
  private var last: UInt64
  /// The last id of the durable block.
  private var end: UInt64

  init(_ storage: PDStorage) throws(PDError) {
    end = try storage.integer(PDKeys.idEnd) ?? 0
    last = end
  }

  /// Whether the id was returned before. After a restart this also holds for the rest of the last block, which is
  /// never returned.
  func isAllocated(_ id: UInt64) -> Bool { id != 0 && id <= last }

  /// Takes `count` consecutive ids and returns the last of them.
  mutating func take(
    _ count: UInt64 = 1, _ storage: inout PDStorage
  ) throws(PDError) -> UInt64 {
    guard count >= 1, count <= Self.maxCount else {
      throw PDError(.invalidArgument, "cannot allocate \(count) ids at once")
    }
    guard last <= .max - count - Self.blockSize else {
      throw PDError(.internal, "the ids are used up")
    }
    if last + count > end {
      let newEnd = max(end, last + count - 1) / Self.blockSize * Self.blockSize + Self.blockSize
      try storage.put(PDKeys.idEnd, newEnd)
      end = newEnd
    }
    last += count
    return last
  }
}
