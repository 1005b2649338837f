// Numbers of the segment format: little-endian, or varints of 7 bits per byte, least significant first.

/// Why bytes of a segment cannot be what was written.
struct SegmentDefect: Error {
  var reason: String
  /// Whether a newer version may have written them.
  var isNewer: Bool

  init(_ reason: String, isNewer: Bool = false) {
    self.reason = reason
    self.isNewer = isNewer
  }
}

extension [UInt8] {
  mutating func appendLittleEndian<Number: FixedWidthInteger>(_ value: Number) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  mutating func appendBytes(_ bytes: [UInt8]) {
    appendVarint(UInt64(bytes.count))
    append(contentsOf: bytes)
  }

  /// Overwrites the bytes from `offset` on; they must exist.
  mutating func store<Number: FixedWidthInteger>(_ value: Number, at offset: Int) {
    precondition(offset >= 0 && offset + MemoryLayout<Number>.size <= count, "store out of bounds")
    withUnsafeMutableBytes {
      $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Number.self)
    }
  }
}

/// Reads numbers and byte strings from a range of an array. Every read checks the bounds.
struct ByteReader {
  private let bytes: [UInt8]
  private let end: Int
  /// Where the next byte is; at most the end of the range.
  private(set) var offset: Int

  init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
    self.bytes = bytes
    let range = range ?? 0..<bytes.count
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range out of bounds")
    offset = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { offset == end }
  var left: Int { end - offset }

  mutating func number<Number: FixedWidthInteger>(
    _: Number.Type
  ) throws(SegmentDefect) -> Number {
    let size = MemoryLayout<Number>.size
    guard left >= size else { throw SegmentDefect("a number is cut off") }
    defer { offset += size }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
  }

  mutating func varint() throws(SegmentDefect) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      let byte = bytes[offset]
      offset += 1
      if shift == 63, byte > 1 { throw SegmentDefect("a varint is above 64 bits") }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { throw SegmentDefect("a varint is above 64 bits") }
    }
    throw SegmentDefect("a varint is cut off")
  }

  /// A varint that counts things of at least one byte each which follow.
  mutating func count() throws(SegmentDefect) -> Int {
    let value = try varint()
    guard value <= UInt64(left) else {
      throw SegmentDefect("a count of \(value) exceeds the record")
    }
    return Int(value)
  }

  mutating func take(_ count: Int) throws(SegmentDefect) -> [UInt8] {
    guard count >= 0, count <= left else { throw SegmentDefect("a byte string is cut off") }
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  /// A byte string behind its length.
  mutating func byteString() throws(SegmentDefect) -> [UInt8] {
    try take(count())
  }
}
