/// The CRC-32 of IEEE 802.3 (as zlib's), fed piece by piece: the checksum of snapshot files.
package struct CRC32: Sendable {
  private var state: UInt32 = .max

  package init() {}

  /// The checksum of everything fed so far.
  package var value: UInt32 { ~state }

  /// Takes in the next bytes.
  package mutating func update(_ bytes: borrowing [UInt8]) {
    update(bytes.span.bytes)
  }

  /// Takes in the next bytes.
  package mutating func update(_ bytes: RawSpan) {
    var crc = state
    var offset = 0
    let tables = Self.tables.span
    // Eight bytes a step: each table holds the effect of a byte that many places further on.
    while bytes.byteCount - offset >= 8 {
      let word = UInt64(
        littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let mixed = word ^ UInt64(crc)
      crc = 0
      for index in 0..<8 {
        let byte = Int(truncatingIfNeeded: mixed >> UInt64(index * 8)) & 0xff
        crc ^= tables[(7 - index) << 8 | byte]
      }
      offset += 8
    }
    while offset < bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      crc = tables[Int((crc ^ UInt32(byte)) & 0xff)] ^ (crc >> 8)
      offset += 1
    }
    state = crc
  }

  /// The checksum of these bytes.
  package static func checksum(_ bytes: borrowing [UInt8]) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.value
  }

  /// Eight tables of 256, one behind the other.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 << 8)
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xedb8_8320 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = tables[Int(before & 0xff)] ^ (before >> 8)
    }
    return tables
  }()
}
