/// What a raft snapshot message carries in place of the data, which travels as files:
/// `raft_serverpb.RaftSnapshotData`.
package struct RaftSnapshotData: Sendable, Hashable {
  /// The version of snapshots that are files per column family.
  package static let currentVersion: UInt64 = 2

  package var region: Region
  package var fileSize: UInt64
  package var version: UInt64
  package var meta: SnapshotMeta

  package init(
    region: Region = Region(), fileSize: UInt64 = 0, version: UInt64 = Self.currentVersion,
    meta: SnapshotMeta = SnapshotMeta()
  ) {
    self.region = region
    self.fileSize = fileSize
    self.version = version
    self.meta = meta
  }
}
