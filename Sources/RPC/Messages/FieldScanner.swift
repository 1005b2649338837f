package import NIOCore

/// Walks over the fields of an encoded protobuf message without decoding them.
package struct FieldScanner {
  /// One field of a message: its number, and its value as a view of the message.
  package struct Field {
    package var number: UInt64
    package var value: Value
  }

  /// A field's value by wire type; bytes are not copied.
  package enum Value {
    case varint(UInt64)
    /// Where in the message's bytes the field's own are.
    case bytes(Range<Int>)
    /// Four or eight bytes.
    case fixed
  }

  /// Not a protobuf message (groups, which no one sends, are not looked into).
  package struct Malformed: Error {}

  private let bytes: ByteBuffer
  private var position = 0

  package init(_ message: ByteBuffer) {
    bytes = message.slice()
  }

  package mutating func next() throws(Malformed) -> Field? {
    guard position < bytes.writerIndex else { return nil }
    let tag = try varint()
    let number = tag >> 3
    switch tag & 7 {
    case 0: return Field(number: number, value: .varint(try varint()))
    case 1: return Field(number: number, value: try skip(8))
    case 5: return Field(number: number, value: try skip(4))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.writerIndex - position) else { throw Malformed() }
      let start = position
      position += Int(length)
      return Field(number: number, value: .bytes(start..<position))
    default: throw Malformed()
    }
  }

  /// Appends the numbers of a packed field, until there are more than `limit`.
  package func numbers(
    in range: Range<Int>, to numbers: inout [UInt64], limit: Int
  ) throws(Malformed) {
    guard let slice = bytes.getSlice(at: range.lowerBound, length: range.count) else {
      throw Malformed()
    }
    var scanner = FieldScanner(slice)
    while scanner.position < range.count, numbers.count <= limit {
      numbers.append(try scanner.varint())
    }
  }

  /// The bytes of a field.
  package func slice(_ range: Range<Int>) -> ByteBuffer {
    bytes.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer()
  }

  private mutating func skip(_ count: Int) throws(Malformed) -> Value {
    guard bytes.writerIndex - position >= count else { throw Malformed() }
    position += count
    return .fixed
  }

  private mutating func varint() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = bytes.getInteger(at: position, as: UInt8.self) else { throw Malformed() }
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw Malformed()
  }
}
