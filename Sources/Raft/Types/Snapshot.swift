/// The membership of a group in the form in which storage and snapshots hold it. Lists that the core returns
/// ascend.
package struct ConfState: Sendable, Equatable {
  package var voters: [UInt64]
  package var learners: [UInt64]
  /// The voters before a change; empty unless the configuration is joint.
  package var votersOutgoing: [UInt64]
  /// Outgoing voters that become learners when the joint configuration is left.
  package var learnersNext: [UInt64]
  /// Whether the leader proposes to leave the joint configuration as soon as it is applied.
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

  /// Whether `id` is a voter of either half or a learner.
  package func contains(_ id: UInt64) -> Bool {
    voters.contains(id) || learners.contains(id) || votersOutgoing.contains(id)
  }
}

/// The log position of a snapshot and the membership there.
package struct SnapshotMetadata: Sendable, Equatable {
  package var confState: ConfState
  /// The last applied index that the snapshot contains.
  package var index: UInt64
  /// The term of the entry at `index`.
  package var term: UInt64

  package init(confState: ConfState = ConfState(), index: UInt64 = 0, term: UInt64 = 0) {
    self.confState = confState
    self.index = index
    self.term = term
  }
}

/// The state of the state machine at one index, or a reference to it.
package struct Snapshot: Sendable, Equatable {
  /// Opaque to raft.
  package var data: [UInt8]
  package var metadata: SnapshotMetadata

  package init(data: [UInt8] = [], metadata: SnapshotMetadata = SnapshotMetadata()) {
    self.data = data
    self.metadata = metadata
  }

  /// Whether it contains no state.
  package var isEmpty: Bool { metadata.index == 0 }
}
