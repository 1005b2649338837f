/// The result of a write.
package struct LogReceipt: Sendable, Hashable {
  /// The write's number: writes are numbered densely from 1 on since the store was opened.
  package var lsn: UInt64
  /// Every write up to this number is durable.
  package var durableLSN: UInt64
  /// About the bytes passed to the store's log.
  package var bytes: Int

  package init(lsn: UInt64, durableLSN: UInt64, bytes: Int) {
    self.lsn = lsn
    self.durableLSN = durableLSN
    self.bytes = bytes
  }
}
