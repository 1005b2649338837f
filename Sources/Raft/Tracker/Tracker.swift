/// A membership: etcd's `tracker.Config`.
///
/// Invariants (`MembershipInvariants`): voters, `learners` and `learnersNext` have a progress; learners do
/// not vote; `learnersNext` and `autoLeave` are empty and false unless the configuration is joint.
package struct TrackerConfig: Sendable, Equatable {
  package var voters = JointConfig()
  /// Whether the leader proposes to leave the joint configuration as soon as it is applied.
  package var autoLeave = false
  /// Members that replicate without a vote.
  package var learners = IDSet()
  /// Outgoing voters that become learners when the joint configuration is left: until then they vote.
  package var learnersNext = IDSet()

  package init() {}

  package var isJoint: Bool { !voters.outgoing.isEmpty }

  /// The membership in the form in which snapshots and storage hold it.
  package var confState: ConfState {
    ConfState(
      voters: voters.incoming.ids, learners: learners.ids, votersOutgoing: voters.outgoing.ids,
      learnersNext: learnersNext.ids, autoLeave: autoLeave)
  }
}

/// The membership of a group, the progress of each member, and the votes of the running election.
struct Tracker: Sendable {
  var config = TrackerConfig()
  var progress = ProgressMap()
  /// One per node at most.
  private(set) var votes: [RecordedVote] = []
  /// Limits of the `Inflights` of new members.
  let maxInflight: Int
  let maxInflightBytes: UInt64

  struct RecordedVote: Sendable, Equatable {
    var id: UInt64
    var granted: Bool
  }

  init(maxInflight: Int, maxInflightBytes: UInt64) {
    self.maxInflight = maxInflight
    self.maxInflightBytes = maxInflightBytes
  }

  /// The highest index that a quorum has acknowledged.
  @inline(__always)
  func committedIndex() -> UInt64 {
    config.voters.committedIndex { id in
      guard let slot = progress.slot(of: id) else { return nil }
      return progress.values[slot].match
    }
  }

  /// Whether a quorum was active since the last check.
  func isQuorumActive() -> Bool {
    config.voters.voteResult { id in
      guard let slot = progress.slot(of: id), !progress.values[slot].isLearner else { return nil }
      return progress.values[slot].recentActive
    } == .won
  }

  mutating func resetVotes() { votes.removeAll(keepingCapacity: true) }

  /// Records a vote. Only the first of a node counts.
  mutating func recordVote(from id: UInt64, granted: Bool) {
    guard !votes.contains(where: { $0.id == id }) else { return }
    votes.append(RecordedVote(id: id, granted: granted))
  }

  /// The numbers of votes and the result of the election so far. Votes of learners and of nodes outside the
  /// membership do not count.
  func tally() -> (granted: Int, rejected: Int, result: VoteResult) {
    var granted = 0
    var rejected = 0
    for recordedVote in votes {
      guard let slot = progress.slot(of: recordedVote.id), !progress.values[slot].isLearner else {
        continue
      }
      if recordedVote.granted { granted += 1 } else { rejected += 1 }
    }
    let result = config.voters.voteResult { id in
      votes.first { $0.id == id }?.granted
    }
    return (granted, rejected, result)
  }
}

/// Progress by node id. A sorted array: groups are small, and iteration order must be deterministic.
package struct ProgressMap: Sendable, Equatable {
  /// Ascending.
  package private(set) var ids: [UInt64] = []
  /// `values[k]` belongs to `ids[k]`.
  package var values: [Progress] = []

  package init() {}

  package var count: Int { ids.count }

  /// The position of `id` in `ids`, valid until the next insertion or removal; nil if it is not tracked.
  @inline(__always)
  package func slot(of id: UInt64) -> Int? {
    for slot in ids.indices where ids[slot] >= id { return ids[slot] == id ? slot : nil }
    return nil
  }

  /// Whether the node of this id is tracked.
  package func contains(_ id: UInt64) -> Bool { slot(of: id) != nil }

  package subscript(id: UInt64) -> Progress? {
    get {
      guard let slot = slot(of: id) else { return nil }
      return values[slot]
    }
    set {
      let slot = ids.firstIndex { $0 >= id } ?? ids.count
      let exists = slot < ids.count && ids[slot] == id
      switch (newValue, exists) {
      case (let value?, true): values[slot] = value
      case (let value?, false):
        ids.insert(id, at: slot)
        values.insert(value, at: slot)
      case (nil, true):
        ids.remove(at: slot)
        values.remove(at: slot)
      case (nil, false): break
      }
    }
  }
}
