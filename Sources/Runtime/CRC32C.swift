import CPlatform

/// CRC-32C (Castagnoli, RFC 3720), by the processor's instruction where it has one.
package enum CRC32C {
  /// The checksum of `bytes`, continued from `crc`, that of the bytes before them; 0 at the start.
  package static func of(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    apus_crc32c(crc, bytes.baseAddress, bytes.count)
  }

  /// The checksum of `bytes`, continued from `crc`, that of the bytes before them; 0 at the start.
  package static func of(_ bytes: borrowing [UInt8], continuing crc: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { of($0, continuing: crc) }
  }

  /// The same without the instruction, to be compared in tests.
  package static func portable(_ bytes: borrowing [UInt8], continuing crc: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { apus_crc32c_portable(crc, $0.baseAddress, $0.count) }
  }

  /// Whether this processor has the instruction.
  package static var hasInstruction: Bool { apus_crc32c_has_instruction() != 0 }
}
