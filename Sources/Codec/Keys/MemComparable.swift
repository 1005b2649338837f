package import Protobuf

/// Bytes encoded so that encodings compare as their originals do, even with something appended.
///
/// Groups of eight bytes, each followed by a marker: 0xFF for a full group with more to come; else
/// 0xFF less the number of zero bytes that fill the group up. The last group always has padding,
/// if need be eight bytes of it.
package enum MemComparable {
  private static let groupSize = 8
  private static let marker: UInt8 = 0xFF

  /// How many bytes `count` bytes become.
  package static func encodedCount(_ count: Int) -> Int {
    (count / groupSize + 1) * (groupSize + 1)
  }

  /// The encoded bytes: groups of 8 with a marker each, ordered as the plain bytes are.
  package static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(encodedCount(bytes.count))
    append(bytes, to: &encoded)
    return encoded
  }

  package static func append(_ bytes: [UInt8], to encoded: inout [UInt8]) {
    var position = 0
    while bytes.count - position >= groupSize {
      encoded.append(contentsOf: bytes[position..<position + groupSize])
      encoded.append(marker)
      position += groupSize
    }
    let padding = groupSize - (bytes.count - position)
    encoded.append(contentsOf: bytes[position...])
    for _ in 0..<padding { encoded.append(0) }
    encoded.append(marker - UInt8(padding))
  }

  /// The original of an encoding that fills `encoded`.
  package static func decode(_ encoded: [UInt8]) throws(CodecError) -> [UInt8] {
    let (bytes, end) = try decodePrefix(encoded)
    guard end == encoded.count else {
      throw CodecError(.malformed, "encoded key \(encoded.hex)", offset: end)
    }
    return bytes
  }

  /// The original of the encoding that `encoded` begins with, and where that ends.
  package static func decodePrefix(
    _ encoded: [UInt8]
  ) throws(CodecError) -> (bytes: [UInt8], end: Int) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(encoded.count / (groupSize + 1) * groupSize)
    var position = 0
    while encoded.count - position > groupSize {
      let mark = position + groupSize
      let padding = Int(marker - encoded[mark])
      guard padding <= groupSize else {
        throw CodecError(.malformed, "encoded key \(encoded.hex)", offset: mark)
      }
      bytes.append(contentsOf: encoded[position..<mark - padding])
      guard encoded[mark - padding..<mark].allSatisfy({ $0 == 0 }) else {
        throw CodecError(.malformed, "encoded key \(encoded.hex)", offset: mark - padding)
      }
      position = mark + 1
      if padding > 0 { return (bytes, position) }
    }
    throw CodecError(.truncated, "encoded key \(encoded.hex)", offset: position)
  }
}
