import Codec
import Engine

/// The format of stored raw values. It never changes in a data directory: stored values do not show their format.
package enum RawFormat: Sendable {
  /// The value alone. Requests with a TTL are refused.
  case plain
  /// The value with its expiry (`ExpiringValue`). `now` is Unix time in seconds, from the clock of the store that serves
  /// the request.
  case expiring(now: @Sendable () -> UInt64)

  /// TiKV's name of the format.
  var name: String {
    switch self {
    case .plain: "V1"
    case .expiring: "V1ttl"
    }
  }

  /// The format with the time of one request.
  var values: RawValues {
    switch self {
    case .plain: RawValues(now: nil)
    case .expiring(let now): RawValues(now: now())
    }
  }
}

/// Encodes and decodes the values of one request.
struct RawValues: Sendable {
  /// Unix time of the request in seconds; nil if values have no expiry.
  let now: UInt64?

  var canExpire: Bool { now != nil }

  /// The stored form of a value.
  ///
  /// - Parameter ttl: seconds until it expires; 0 for never.
  func stored(_ value: [UInt8], ttl: UInt64) throws(StorageError) -> [UInt8] {
    try check(ttl: ttl)
    guard let now else { return value }
    return ExpiringValue.encode(value, expiry: ttl == 0 ? 0 : now + ttl)
  }

  /// Throws for a TTL that cannot be stored.
  func check(ttl: UInt64) throws(StorageError) {
    guard ttl > 0 else { return }
    guard let now else { throw .refused("ttl is not enabled, but get put request with ttl") }
    guard ttl <= UInt64.max - now else {
      throw .refused("ttl \(ttl) is too large: the expiry would not fit in 64 bits")
    }
  }

  /// The client's value of a stored one; nil if it has expired.
  func live(_ stored: consuming [UInt8], of key: [UInt8]) throws(StorageError) -> [UInt8]? {
    guard let now else { return stored }
    let expiry = try expiry(of: stored.span.bytes, key)
    if ExpiringValue.isExpired(expiry, at: now) { return nil }
    var value = stored
    value.removeLast(ExpiringValue.suffix)
    return value
  }

  /// Seconds until a stored value expires, 0 if it never does; nil if it has expired.
  func secondsLeft(_ stored: [UInt8], of key: [UInt8]) throws(StorageError) -> UInt64? {
    guard let now else { return 0 }
    let expiry = try expiry(of: stored.span.bytes, key)
    if expiry == 0 { return 0 }
    return ExpiringValue.isExpired(expiry, at: now) ? nil : expiry - now
  }

  /// The size of the client's value of a stored one, in bytes; nil if it has expired.
  func liveCount(_ stored: RawSpan, of key: [UInt8]) throws(StorageError) -> Int? {
    guard let now else { return stored.byteCount }
    let expiry = try expiry(of: stored, key)
    return ExpiringValue.isExpired(expiry, at: now) ? nil : stored.byteCount - ExpiringValue.suffix
  }

  private func expiry(of stored: RawSpan, _ key: [UInt8]) throws(StorageError) -> UInt64 {
    guard let expiry = ExpiringValue.expiry(of: stored) else {
      throw .engine(
        EngineError(
          .other, operation: "read key \(key.hex)",
          message: "its value of \(stored.byteCount) bytes has no expiry"))
    }
    return expiry
  }
}
