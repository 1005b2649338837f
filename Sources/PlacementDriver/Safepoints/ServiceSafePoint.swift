/// Versions from `safePoint` on are kept for a service, until `expiresAt`.
struct ServiceSafePoint: Sendable, Hashable {
  /// The service whose safe point is the collector's own; it never expires.
  static let collector = Array("gc_worker".utf8)

  var id: [UInt8]
  /// Seconds since 1970; `.max` is never.
  var expiresAt: Int64
  var safePoint: UInt64

  func timeToLive(at seconds: Int64) -> Int64 {
    if expiresAt == .max { return .max }
    return expiresAt > seconds ? expiresAt - seconds : 0
  }
}
