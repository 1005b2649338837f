package import Protobuf

/// A user key at a timestamp, as the `write` and `default` families of transactions hold it:
/// the key in memory-comparable form, then the timestamp's complement, so that of one key the
/// newest version comes first.
package struct VersionedKey: Sendable, Hashable {
  package var userKey: [UInt8]
  package var timestamp: Timestamp

  package init(userKey: [UInt8], timestamp: Timestamp) {
    self.userKey = userKey
    self.timestamp = timestamp
  }

  /// The key as it is stored: memcomparable user key, then the timestamp in descending order.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(MemComparable.encodedCount(userKey.count) + 8)
    MemComparable.append(userKey, to: &bytes)
    bytes.appendBigEndian(~timestamp.value)
    return bytes
  }

  package init(decoding bytes: [UInt8]) throws(CodecError) {
    let (userKey, end) = try MemComparable.decodePrefix(bytes)
    guard bytes.count - end == 8 else {
      throw CodecError(
        bytes.count - end < 8 ? .truncated : .malformed, "timestamp of key \(bytes.hex)",
        offset: end)
    }
    self.init(userKey: userKey, timestamp: Timestamp(~bytes.bigEndian(at: end)))
  }
}
