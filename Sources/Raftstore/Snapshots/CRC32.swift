import CZlib

/// The CRC-32 of IEEE 802.3, computed by zlib piece by piece: the checksum of snapshot files.
package struct CRC32: Sendable {
  private var state: uLong = 0

  package init() {}

  /// The checksum of all bytes passed to `update` so far; 0 for none.
  package var value: UInt32 { UInt32(truncatingIfNeeded: state) }

  /// Continues the checksum with the next bytes.
  package mutating func update(_ bytes: borrowing [UInt8]) {
    update(bytes.span.bytes)
  }

  /// Continues the checksum with the next bytes.
  package mutating func update(_ bytes: RawSpan) {
    state = bytes.withUnsafeBytes { memory in
      // zlib takes an absent address for a request of the initial value.
      guard let start = memory.baseAddress else { return state }
      return crc32_z(state, start.assumingMemoryBound(to: UInt8.self), memory.count)
    }
  }

  /// The checksum of these bytes.
  package static func checksum(_ bytes: borrowing [UInt8]) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.value
  }
}
