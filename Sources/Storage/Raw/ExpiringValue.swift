/// The stored form of a value that can expire: the value, then its expiry as 8 bytes, big-endian, in seconds of Unix
/// time; 0 for never. This is the format of TiKV's API V1 with TTL.
package enum ExpiringValue {
  /// The size of the expiry in bytes.
  package static let suffix = 8

  /// The stored form of a value.
  ///
  /// - Parameter expiry: Unix time in seconds, 0 for never.
  static func encode(_ value: [UInt8], expiry: UInt64) -> [UInt8] {
    var stored: [UInt8] = []
    stored.reserveCapacity(value.count + suffix)
    stored += value
    for shift in stride(from: 56, through: 0, by: -8) {
      stored.append(UInt8(truncatingIfNeeded: expiry >> UInt64(shift)))
    }
    return stored
  }

  /// The expiry of a stored value in seconds of Unix time, 0 for never; nil if it is shorter than an expiry.
  package static func expiry(of stored: RawSpan) -> UInt64? {
    let start = stored.byteCount - suffix
    guard start >= 0 else { return nil }
    var expiry: UInt64 = 0
    for offset in start..<stored.byteCount {
      expiry = expiry << 8 | UInt64(stored.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    }
    return expiry
  }

  /// Whether a stored value has expired at `now`, in seconds of Unix time. False for bytes that are shorter than an
  /// expiry: readers report them as corruption.
  package static func isExpired(_ stored: RawSpan, at now: UInt64) -> Bool {
    guard let expiry = expiry(of: stored) else { return false }
    return isExpired(expiry, at: now)
  }

  static func isExpired(_ expiry: UInt64, at now: UInt64) -> Bool { expiry != 0 && expiry <= now }
}
