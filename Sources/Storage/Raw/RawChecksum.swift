import Codec
import Engine

/// A checksum of pairs that does not depend on their order, so that those of several regions can be combined.
package struct RawChecksum: Sendable, Hashable {
  /// The exclusive or of the CRC-64 of each pair, its key followed by its value.
  package var checksum: UInt64 = 0
  package var pairs: UInt64 = 0
  /// Bytes of all keys and values.
  package var bytes: UInt64 = 0

  package init(checksum: UInt64 = 0, pairs: UInt64 = 0, bytes: UInt64 = 0) {
    self.checksum = checksum
    self.pairs = pairs
    self.bytes = bytes
  }
}

/// The checksum of the pairs of a scan.
struct ChecksumReply: ScanReply {
  private(set) var value = RawChecksum()
  /// Its memory does not grow with the number of pairs.
  let bytes = 0
  var keysRead: Int { Int(clamping: value.pairs) }
  var bytesRead: Int { Int(clamping: value.bytes) }

  mutating func take(
    _ cursor: any KVCursor, _ key: [UInt8], _ values: RawValues, keyOnly: Bool
  ) throws(StorageError) -> Int? {
    let (crc, size) = try cursor.withValue { stored throws(StorageError) -> (UInt64, Int?) in
      guard let count = try values.liveCount(stored, of: key) else { return (0, nil) }
      var crc = CRC64()
      crc.add(key.span.bytes)
      crc.add(stored.extracting(0..<count))
      return (crc.value, key.count + count)
    }
    guard let size else { return nil }
    value.checksum ^= crc
    value.pairs += 1
    value.bytes += UInt64(size)
    return size
  }
}
