extension [UInt8] {
  /// Adds eight bytes, the highest first, so that byte order is number order.
  package mutating func appendBigEndian(_ value: UInt64) {
    var shift: UInt64 = 64
    while shift > 0 {
      shift -= 8
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// The number in the eight bytes at `offset`, which must be there.
  package func bigEndian(at offset: Int) -> UInt64 {
    precondition(offset >= 0 && count - offset >= 8, "a number reaches beyond its bytes")
    var value: UInt64 = 0
    for position in offset..<offset + 8 { value = value << 8 | UInt64(self[position]) }
    return value
  }
}
