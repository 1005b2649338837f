/// The record of a transaction's lock on a key, the value under the key in the family `lock`: as much of it as a store
/// needs that does not execute transactions.
///
/// It begins with a byte for the kind, the primary key (a zigzag varint with its length, then its bytes) and the start
/// timestamp (a varint).
package enum LockRecord {
  private static let put = UInt8(ascii: "P")
  private static let delete = UInt8(ascii: "D")
  /// An encoded primary key is not longer.
  private static let maxPrimaryBytes: UInt64 = 1 << 20

  /// The start timestamp of a lock of a write that may still commit. Nil for locks that commit nothing, which are those
  /// of pessimistic transactions and of keys that are only locked, and for a value that is no lock record: raw requests
  /// may write to the family too.
  package static func startTS(ofWrite value: RawSpan) -> UInt64? {
    value.withUnsafeBytes { bytes in
      guard let kind = bytes.first, kind == put || kind == delete else { return nil }
      var rest = bytes[1...]
      guard let coded = varint(&rest), coded & 1 == 0, coded / 2 <= maxPrimaryBytes,
        coded / 2 <= UInt64(rest.count)
      else { return nil }
      rest = rest.dropFirst(Int(coded / 2))
      return varint(&rest)
    }
  }

  private static func varint(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = bytes.popFirst() else { return nil }
      // The tenth byte has one bit left.
      if shift == 63, byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }
}
