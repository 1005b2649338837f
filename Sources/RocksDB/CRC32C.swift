/// CRC-32C (Castagnoli), the checksum of RocksDB's files. Table-driven, eight bytes per step.
enum CRC32C {
  private static let polynomial: UInt32 = 0x82F6_3B78

  /// Eight tables of 256: table `n` holds the checksum of a byte followed by `n` zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ polynomial }
      tables[byte] = crc
    }
    for position in 256..<tables.count {
      let before = tables[position - 256]
      tables[position] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var crc: UInt32 = ~0
      var position = 0
      while position + 8 <= bytes.count {
        let word = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        let low = UInt32(truncatingIfNeeded: word) ^ crc
        let high = UInt32(truncatingIfNeeded: word >> 32)
        crc = tables[7 * 256 + Int(low & 0xFF)]
        crc ^= tables[6 * 256 + Int(low >> 8 & 0xFF)]
        crc ^= tables[5 * 256 + Int(low >> 16 & 0xFF)]
        crc ^= tables[4 * 256 + Int(low >> 24)]
        crc ^= tables[3 * 256 + Int(high & 0xFF)]
        crc ^= tables[2 * 256 + Int(high >> 8 & 0xFF)]
        crc ^= tables[256 + Int(high >> 16 & 0xFF)]
        crc ^= tables[Int(high >> 24)]
        position += 8
      }
      while position < bytes.count {
        crc = crc >> 8 ^ tables[Int((crc ^ UInt32(bytes[position])) & 0xFF)]
        position += 1
      }
      return ~crc
    }
  }

  /// The checksum as RocksDB stores it: rotated and offset, because the CRC of data that contains its own CRC is
  /// weak.
  static func masked(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let crc = checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
