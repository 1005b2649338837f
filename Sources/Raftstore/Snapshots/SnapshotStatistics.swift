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
