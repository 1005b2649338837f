/// CRC-64/XZ: the polynomial of ECMA-182, reflected, with initial value and final XOR of all ones. Go's `crc64.ECMA`,
/// which TiKV uses for checksums.
struct CRC64 {
  private var state = UInt64.max

  /// The checksum of all bytes so far.
  var value: UInt64 { ~state }

  mutating func add(_ bytes: RawSpan) {
    var crc = state
    bytes.withUnsafeBytes { bytes in
      Self.tables.withUnsafeBufferPointer { tables in
        var offset = 0
        while bytes.count - offset >= 8 {
          let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          crc = Self.step(crc ^ UInt64(littleEndian: word), tables)
          offset += 8
        }
        while offset < bytes.count {
          crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[offset])] ^ crc >> 8
          offset += 1
        }
      }
    }
    state = crc
  }

  /// Processes eight bytes, with one table for each.
  private static func step(_ word: UInt64, _ tables: UnsafeBufferPointer<UInt64>) -> UInt64 {
    var result: UInt64 = 0
    for position in 0..<8 {
      let byte = Int(word >> UInt64(8 * position) & 0xFF)
      result ^= tables[(7 - position) << 8 | byte]
    }
    return result
  }

  private static let polynomial: UInt64 = 0xC96C_5795_D787_0F42

  /// Eight tables of 256 entries (slicing-by-8): table n is for a byte that n bytes follow.
  private static let tables: [UInt64] = {
    var tables = [UInt64](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt64(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ polynomial : crc >> 1 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = tables[Int(before & 0xFF)] ^ before >> 8
    }
    return tables
  }()
}
