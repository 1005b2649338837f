/// A group's membership as it is stored. Produced lists ascend.
package struct ConfState: Sendable, Equatable {
  package var voters: [UInt64]
  package var learners: [UInt64]
  /// The half of a joint configuration that is being left; empty when not joint.
  package var votersOutgoing: [UInt64]
  /// Outgoing voters that become learners when the joint configuration is left.
  package var learnersNext: [UInt64]
  /// Whether the leader leaves the joint configuration by itself.
  package var autoLeave: Bool

  package init(
    voters: [UInt64] = [], learners: [UInt64] = [], votersOutgoing: [UInt64] = [],
    learnersNext: [UInt64] = [], autoLeave: Bool = false
  ) {
    self.voters = voters
    self.learners = learners
    self.votersOutgoing = votersOutgoing
    self.learnersNext = learnersNext
    self.autoLeave = autoLeave
  }

  /// Whether both describe the same membership, whatever the order of their lists.
  package func isEquivalent(to other: ConfState) -> Bool {
    voters.sorted() == other.voters.sorted()
      && learners.sorted() == other.learners.sorted()
      && votersOutgoing.sorted() == other.votersOutgoing.sorted()
      && learnersNext.sorted() == other.learnersNext.sorted()
      && autoLeave == other.autoLeave
  }

  /// Whether `id` takes part in any way.
  package func contains(_ id: UInt64) -> Bool {
    voters.contains(id) || learners.contains(id) || votersOutgoing.contains(id)
  }
}

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
