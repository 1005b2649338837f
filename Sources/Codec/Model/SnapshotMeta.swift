/// One column family's file of a snapshot: `raft_serverpb.SnapshotCFFile`.
///
/// An empty family has size 0, checksum 0 and no file on disk.
package struct SnapshotFile: Sendable, Hashable {
  package var cf: String
  package var size: UInt64
  /// CRC-32 (IEEE) over the whole file.
  package var checksum: UInt32

  package init(cf: String, size: UInt64 = 0, checksum: UInt32 = 0) {
    self.cf = cf
    self.size = size
    self.checksum = checksum
  }
}

/// The files of one snapshot, always one per data column family: `raft_serverpb.SnapshotMeta`.
package struct SnapshotMeta: Sendable, Hashable {
  package var files: [SnapshotFile]
  /// Made to move a replica for balance, not to repair one.
  package var forBalance: Bool
  /// Made without data for a witness. Kept for TiKV's format, not used; written as false.
  package var forWitness: Bool
  /// When the snapshot was begun, in milliseconds since 1970.
  package var start: UInt64
  package var generateDurationSeconds: UInt64
  /// Kept for TiKV's format, not used; written as 0.
  package var commitIndexHint: UInt64

  package init(
    files: [SnapshotFile] = [], forBalance: Bool = false, forWitness: Bool = false,
    start: UInt64 = 0, generateDurationSeconds: UInt64 = 0, commitIndexHint: UInt64 = 0
  ) {
    self.files = files
    self.forBalance = forBalance
    self.forWitness = forWitness
    self.start = start
    self.generateDurationSeconds = generateDurationSeconds
    self.commitIndexHint = commitIndexHint
  }

  /// The bytes of all files together.
  package var totalSize: UInt64 { files.reduce(0) { $0 &+ $1.size } }
}

/// What a raft snapshot message carries in place of the data, which travels as files:
/// `raft_serverpb.RaftSnapshotData`.
package struct RaftSnapshotData: Sendable, Hashable {
  /// The version of snapshots that are files per column family.
  package static let currentVersion: UInt64 = 2

  package var region: Region
  /// The bytes of all files: equal to `meta.totalSize`.
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
