package import Codec
package import Engine
import Synchronization

/// Work on files and ranges that may take long, done by the region worker one at a time, in order:
/// a range that is to be deleted is deleted before a later snapshot's data is put there.
package enum RegionTask: Sendable {
  /// Replace the region's data by a received snapshot and mark the region normal; completed by
  /// `RaftWorkerMessage.snapshotApplied`.
  case applySnapshot(peerID: UInt64, region: Region, key: SnapshotKey)
  /// Delete data this store no longer has a peer for. Posted once the record that says so is durable.
  case destroyRange(regionID: UInt64, range: KeyRange)
  /// Make the applied state durable, then drop the log up to `index`.
  case gcRaftLog(regionID: UInt64, peerID: UInt64, index: UInt64, term: UInt64)
  /// Free what compacted logs still take on disk, and have those cut that keep most from being freed.
  case purgeLogs
  /// List snapshot unused files and ask their peers about them.
  case gcSnapshots
  /// Delete snapshot files the peer has no use for, unless someone else uses them.
  case deleteSnapshot(SnapshotKey, SnapshotOrigin)
  /// Look again whether the engine can take the data of the snapshots that wait to be applied.
  case retryApplying
  /// Make the engine durable now for the logs that wait for it (`gcRaftLog`).
  case syncLogs
  /// Create the only peer of a region of which nothing is left, if its range is free.
  case createEmpty(Region, storeID: UInt64)
}

/// Whether a snapshot that was asked for is still wanted. Shared by who asked and who works on it.
package final class SnapshotCancellation: Sendable {
  private let flag = Atomic(false)

  package init() {}

  package var isCancelled: Bool { flag.load(ordering: .relaxed) }

  /// Final: no result is reported any more.
  package func cancel() { flag.store(true, ordering: .relaxed) }
}

/// A snapshot of the engine at a known applied index, to build a snapshot from.
package struct SnapshotRequest: Sendable {
  package var region: Region
  package var peerID: UInt64
  package var index: UInt64
  package var term: UInt64
  package var snapshot: any KVSnapshot
  package var cancellation: SnapshotCancellation

  package init(
    region: Region, peerID: UInt64, index: UInt64, term: UInt64, snapshot: any KVSnapshot,
    cancellation: SnapshotCancellation = SnapshotCancellation()
  ) {
    self.cancellation = cancellation
    self.region = region
    self.peerID = peerID
    self.index = index
    self.term = term
    self.snapshot = snapshot
  }
}
