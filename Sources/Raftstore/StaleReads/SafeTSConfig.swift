/// How leaders advance the timestamp up to which replicas serve stale reads. Names and defaults are TiKV's, section
/// `[resolved-ts]`.
package struct SafeTSConfig: Sendable {
  /// Without it stale reads at a timestamp are refused, and no store asks others about leaders.
  package var isEnabled = true
  /// How often. A replica lags by one to two intervals behind the placement driver's clock.
  package var advanceInterval: Duration = .seconds(20)
  /// Memory of the locks of one region, in bytes. A region with more does not advance until it has fewer.
  package var maxLockBytes = 64 << 20
}
