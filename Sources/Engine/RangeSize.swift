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
