/// The state machine at one index, or a handle to it.
package struct Snapshot: Sendable, Equatable {
  package var data: [UInt8]
  package var metadata: SnapshotMetadata

  package init(data: [UInt8] = [], metadata: SnapshotMetadata = SnapshotMetadata()) {
    self.data = data
    self.metadata = metadata
  }

  /// Whether it stands for no state at all.
  package var isEmpty: Bool { metadata.index == 0 }
}
