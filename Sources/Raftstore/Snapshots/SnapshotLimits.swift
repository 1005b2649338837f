/// Limits of the space and the streams of snapshots.
package struct SnapshotLimits: Sendable {
  /// Bytes of all snapshot files together; beyond it idle generated ones go, then new ones are
  /// refused. 0: no limit.
  package var maxTotalSize: UInt64 = 0
  /// Snapshots sent at once; further ones fail at once, and their leaders try again.
  package var maxSending = 32
  /// Snapshots received at once, with those that wait to be applied; further ones are refused as busy, and
  /// their leaders try again.
  package var maxReceiving = 32
  /// Threads that build snapshots.
  package var generators = 2
  /// Bytes a second that are read and written for snapshots: to build, to send and to receive them. 0: no limit.
  package var maxBytesPerSecond: UInt64 = 100 << 20
  /// Bytes of keys and values after which a family's data continues in another file.
  package var maxFileBytes: UInt64 = 100 << 20
  /// How long a leader that asked whether it may generate a snapshot is expected to send it.
  package var reservationTime: Duration = .seconds(60)
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
