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

/// What snapshots are doing at this moment, for heartbeats and metrics. Two users of one snapshot
/// count twice.
package struct SnapshotStatistics: Sendable, Hashable {
  package var generating = 0
  package var sending = 0
  package var receiving = 0
  package var applying = 0
  /// Bytes of the files.
  package var totalSize: UInt64 = 0
}

/// The use of a snapshot's files while they are registered.
enum SnapshotActivity: Int, CaseIterable, Sendable, Hashable {
  case generating, sending, receiving, applying
}

/// The files of one snapshot of one origin: what is registered, counted and deleted together.
struct SnapshotFileSet: Sendable, Hashable, Comparable {
  var key: SnapshotKey
  var origin: SnapshotOrigin

  /// By key; of one key what was received comes first.
  static func < (left: SnapshotFileSet, right: SnapshotFileSet) -> Bool {
    if left.key != right.key { return left.key < right.key }
    return left.origin == .received && right.origin == .generated
  }
}
