/// A file of an engine: how much of it are deletions.
package struct EngineFile: Sendable, Hashable {
  package var family: ColumnFamily
  /// Bounds of deleted ranges count as keys.
  package var smallest: [UInt8]
  package var largest: [UInt8]
  /// Values and deletions; 0 if it is not known.
  package var entries: UInt64
  /// Deletions of single keys, and of ranges, each of which counts once.
  package var deletions: UInt64

  package init(
    family: ColumnFamily, smallest: [UInt8], largest: [UInt8], entries: UInt64, deletions: UInt64
  ) {
    self.family = family
    self.smallest = smallest
    self.largest = largest
    self.entries = entries
    self.deletions = deletions
  }
}

/// How much a range of keys holds, estimated or counted.
package struct RangeSize: Sendable, Hashable {
  /// Bytes of keys and values.
  package var bytes: UInt64
  package var keys: UInt64

  package init(bytes: UInt64 = 0, keys: UInt64 = 0) {
    self.bytes = bytes
    self.keys = keys
  }

  /// One of `count` parts of the same size.
  package func divided(by count: Int) -> RangeSize {
    let count = UInt64(max(1, count))
    return RangeSize(bytes: bytes / count, keys: keys / count)
  }
}
