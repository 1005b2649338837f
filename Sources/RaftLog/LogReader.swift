/// Reads protobuf fields one by one; every defect is an error.
// Unsafe bytes: a reader over a `RawSpan` would need language features that are still experimental.
// It must not outlive the closure that lends the bytes, and never does in this capacity.
struct LogReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var wireType: UInt64 = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// The number of the next field; nil at the end.
  mutating func next() throws(LogCodec.Malformed) -> UInt64? {
    guard offset < bytes.count else { return nil }
    let tag = try varint()
    wireType = tag & 7
    return tag >> 3
  }

  mutating func number() throws(LogCodec.Malformed) -> UInt64 {
    guard wireType == 0 else { throw .init(reason: "wire type \(wireType) for a number") }
    return try varint()
  }

  mutating func block() throws(LogCodec.Malformed) -> UnsafeRawBufferPointer {
    guard wireType == 2 else { throw .init(reason: "wire type \(wireType) for bytes") }
    let count = try varint()
    guard count <= UInt64(bytes.count - offset) else { throw .init(reason: "a field is cut short") }
    defer { offset += Int(count) }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(count)])
  }

  mutating func skip() throws(LogCodec.Malformed) {
    switch wireType {
    case 0: _ = try varint()
    case 2: _ = try block()
    case 1, 5:
      let count = wireType == 1 ? 8 : 4
      guard bytes.count - offset >= count else { throw .init(reason: "a field is cut short") }
      offset += count
    default: throw .init(reason: "wire type \(wireType)")
    }
  }

  mutating func varint() throws(LogCodec.Malformed) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count, shift <= 63 {
      let byte = bytes[offset]
      offset += 1
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .init(reason: "a number does not end")
  }
}
