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
