package import Codec
import Protobuf

/// A user key with its memory-comparable form, under which its lock is stored. Versions are stored under that form and
/// the complement of a timestamp in eight bytes, so that the newest version sorts first.
package struct MVCCKey: Sendable, Hashable {
  package let user: [UInt8]
  package let encoded: [UInt8]

  package init(_ user: [UInt8]) {
    self.user = user
    encoded = MemComparable.encode(user)
  }

  /// The key of a lock.
  init(lock encoded: [UInt8]) throws(TransactionError) {
    self.encoded = encoded
    user = try Self.userKey(encoded)
  }

  /// The user key of an encoded one.
  static func userKey(_ encoded: [UInt8]) throws(TransactionError) -> [UInt8] {
    do throws(CodecError) {
      return try MemComparable.decode(encoded)
    } catch {
      throw .corrupted(error)
    }
  }

  /// Where the version at `timestamp` is stored.
  package func version(_ timestamp: Timestamp) -> [UInt8] {
    Self.version(encoded, timestamp)
  }

  static func version(_ encoded: [UInt8], _ timestamp: Timestamp) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(encoded.count + timestampSize)
    bytes.append(contentsOf: encoded)
    bytes.appendBigEndian(~timestamp.value)
    return bytes
  }

  static let timestampSize = 8

  /// After all versions of the key and before those of every later key: no encoded key is a prefix of another one.
  static func afterVersions(of encoded: [UInt8]) -> [UInt8] {
    encoded + [UInt8](repeating: 0xFF, count: timestampSize + 1)
  }

  /// The longest encoded key that a transaction may write.
  package static let maxEncodedCount = 8 << 10
}

extension KeyRange {
  /// The encoded keys of the user keys in `[start, end)`; empty bounds are none.
  package init(encodingUserKeys start: [UInt8], _ end: [UInt8]) {
    self.init(
      start: start.isEmpty ? [] : MemComparable.encode(start),
      end: end.isEmpty ? [] : MemComparable.encode(end))
  }
}
