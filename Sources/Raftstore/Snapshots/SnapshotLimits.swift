/// Limits of the space and the streams of snapshots.
package struct SnapshotLimits: Sendable {
  /// Bytes of all snapshot files together; beyond it idle generated ones go, then new ones are
  /// refused.
  package var maxTotalSize: UInt64 = .max
  /// Snapshots sent at once; the transport has as many senders.
  package var maxSending = 2
  /// Snapshots received at once; further ones are refused as busy, and their leaders try again.
  package var maxReceiving = 32
  /// How long a received snapshot counts as in use before its peer takes it up: the message that
  /// names it is on its way through the mailboxes.
  package var deliveryGrace: Duration = .seconds(300)

  package init() {}
}
