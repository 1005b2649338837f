/// Where in the log a snapshot stands, and the membership there.
package struct SnapshotMetadata: Sendable, Equatable {
  package var confState: ConfState
  package var index: UInt64
  package var term: UInt64

  package init(confState: ConfState = ConfState(), index: UInt64 = 0, term: UInt64 = 0) {
    self.confState = confState
    self.index = index
    self.term = term
  }
}

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
