/// The holds on the logs of a store, which defer the deletion of compacted entries (`RaftLogStore.hold`). They live in
/// memory only.
struct LogHolds: Sendable {
  /// The first index that each hold keeps.
  private var first: [LogHold: UInt64] = [:]
  /// Of the next hold; tokens are not reused.
  private var nextToken: UInt64 = 1

  /// Keeps the entries of a region from `index` on.
  mutating func hold(_ region: UInt64, from index: UInt64) -> LogHold {
    let hold = LogHold(region: region, token: nextToken)
    nextToken += 1
    first[hold] = index
    return hold
  }

  /// Ends a hold. Without effect on one that has ended.
  mutating func release(_ hold: LogHold) {
    first[hold] = nil
  }

  /// The lowest index that a hold of the region keeps; nil if there is none.
  func lowest(_ region: UInt64) -> UInt64? {
    guard !first.isEmpty else { return nil }
    return first.lazy.filter { $0.key.region == region }.map(\.value).min()
  }

  /// The highest index up to which entries of a log that is truncated at `index` may be deleted: `index`, or one below
  /// the lowest index that is held.
  func deletable(_ region: UInt64, truncatedAt index: UInt64) -> UInt64 {
    guard let lowest = lowest(region) else { return index }
    return min(index, max(lowest, 1) - 1)
  }
}
