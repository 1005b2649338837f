/// The files of one snapshot, always one per data column family: `raft_serverpb.SnapshotMeta`.
package struct SnapshotMeta: Sendable, Hashable {
  package var files: [SnapshotFile]
  /// Made to move a replica for balance, not to repair one.
  package var forBalance: Bool
  package var forWitness: Bool
  /// When the snapshot was begun, in milliseconds since 1970.
  package var start: UInt64
  package var generateDurationSeconds: UInt64
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
