import Protobuf

/// Reads the fields of a stored transaction record in borrowed memory. Every defect of the bytes is an error; nothing is
/// read beyond them, and no count in them is trusted before it is compared with what is left.
struct RecordReader {
  /// Borrowed for the duration of the closure that lent it.
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  /// What is being read, for errors.
  private let subject: StaticString

  init(_ bytes: UnsafeRawBufferPointer, _ subject: StaticString) {
    self.bytes = bytes
    self.subject = subject
  }

  var isAtEnd: Bool { offset == bytes.count }
  private var remaining: Int { bytes.count - offset }

  func failure(_ reason: CodecError.Reason) -> CodecError {
    CodecError(reason, "\(subject)", offset: offset)
  }

  mutating func byte() throws(CodecError) -> UInt8 {
    guard offset < bytes.count else { throw failure(.truncated) }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// An unsigned LEB128 number of at most ten bytes.
  mutating func varint() throws(CodecError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      let byte = try byte()
      // The tenth byte has one bit left.
      if shift == 63, byte > 1 { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw failure(.malformedVarint)
  }

  /// Eight bytes, big-endian.
  mutating func uint64() throws(CodecError) -> UInt64 {
    guard remaining >= 8 else { throw failure(.truncated) }
    defer { offset += 8 }
    return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// One byte with the length, then the bytes.
  mutating func shortBytes() throws(CodecError) -> [UInt8] {
    try array(Int(byte()))
  }

  /// A signed (zigzag) varint with the length, then the bytes.
  mutating func compactBytes() throws(CodecError) -> [UInt8] {
    let coded = try varint()
    guard coded & 1 == 0 else { throw failure(.malformed) }
    guard coded / 2 <= UInt64(remaining) else { throw failure(.truncated) }
    return try array(Int(coded / 2))
  }

  /// The number of elements that follow, each of at least `size` bytes.
  mutating func count(ofElements size: Int) throws(CodecError) -> Int {
    let count = try varint()
    guard count <= UInt64(remaining / size) else { throw failure(.truncated) }
    return Int(count)
  }

  private mutating func array(_ count: Int) throws(CodecError) -> [UInt8] {
    guard count <= remaining else { throw failure(.truncated) }
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }
}

extension [UInt8] {
  /// Adds an unsigned LEB128 number.
  mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  /// Adds a signed (zigzag) varint with the length, then the bytes.
  mutating func appendCompact(_ bytes: [UInt8]) {
    appendVarint(UInt64(bytes.count) << 1)
    append(contentsOf: bytes)
  }

  /// Adds the tag `v`, a byte with the length, and the bytes.
  mutating func appendShortValue(_ value: [UInt8]) {
    precondition(value.count <= ShortValue.maxCount, "a long value reached a record")
    append(ShortValue.tag)
    append(UInt8(value.count))
    append(contentsOf: value)
  }
}

/// A value that is stored inside its lock and write record instead of the family `default`.
package enum ShortValue {
  /// A longer value is in the family `default`.
  package static let maxCount = 255
  static let tag = UInt8(ascii: "v")
}
