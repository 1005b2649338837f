package import Codec

/// The transactions of a store that compute their commit timestamps themselves, for reads that other replicas serve. Such
/// a timestamp is computed before the write is proposed, and it must be above those of all reads that do not see the
/// write.
///
/// Timestamps are TiKV's; `UInt64.max` reads what is committed and promises nothing. Any thread may call.
package protocol ReadGuard: Sendable {
  /// From now on commit timestamps above `timestamp` are computed.
  func raise(to timestamp: UInt64)

  /// The smallest start timestamp of the transactions that have computed theirs, and whose writes are not applied; nil if
  /// there are none. To be asked for after `raise`.
  var oldestInProgress: UInt64? { get }

  /// Whether one of these may commit at or before `timestamp` in a range of encoded keys. To be asked for after `raise`.
  func blocks(readAt timestamp: UInt64, in range: KeyRange) -> Bool
}
