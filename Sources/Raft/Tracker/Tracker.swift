/// The membership a node works with.
package struct TrackerConfig: Sendable, Equatable {
  package var voters = JointConfig()
  /// Whether the leader leaves the joint configuration by itself.
  package var autoLeave = false
  package var learners = IDSet()
  /// Outgoing voters that become learners when the joint configuration is left.
  package var learnersNext = IDSet()

  package init() {}

  package var isJoint: Bool { !voters.outgoing.isEmpty }

  package var confState: ConfState {
    ConfState(
      voters: voters.incoming.ids, learners: learners.ids, votersOutgoing: voters.outgoing.ids,
      learnersNext: learnersNext.ids, autoLeave: autoLeave)
  }
}

/// The membership of a group, what is known of each member, and the votes of a running election.
struct Tracker: Sendable {
  var config = TrackerConfig()
  var progress = ProgressMap()
  private(set) var votes: [RecordedVote] = []
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

  /// The highest index the voters have acknowledged.
  @inline(__always)
  func committedIndex() -> UInt64 {
    config.voters.committedIndex { id in
      guard let slot = progress.slot(of: id) else { return nil }
      return progress.values[slot].match
    }
  }

  /// Whether a quorum was heard from since the last check.
  func isQuorumActive() -> Bool {
    config.voters.voteResult { id in
      guard let slot = progress.slot(of: id), !progress.values[slot].isLearner else { return nil }
      return progress.values[slot].recentActive
    } == .won
  }

  mutating func resetVotes() { votes.removeAll(keepingCapacity: true) }

  /// The first vote of a node counts.
  mutating func recordVote(from id: UInt64, granted: Bool) {
    guard !votes.contains(where: { $0.id == id }) else { return }
    votes.append(RecordedVote(id: id, granted: granted))
  }

  /// How the election stands; votes of learners and strangers do not count.
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

/// Progress by node id, ascending.
package struct ProgressMap: Sendable, Equatable {
  package private(set) var ids: [UInt64] = []
  /// `values[k]` belongs to `ids[k]`.
  package var values: [Progress] = []

  package init() {}

  package var count: Int { ids.count }

  /// Where `id` stands, or nil if it is not tracked.
  @inline(__always)
  package func slot(of id: UInt64) -> Int? {
    for slot in ids.indices where ids[slot] >= id { return ids[slot] == id ? slot : nil }
    return nil
  }

  /// Whether the peer of this id is tracked.
  package func contains(_ id: UInt64) -> Bool { slot(of: id) != nil }

  package subscript(id: UInt64) -> Progress? {
    get {
      guard let slot = slot(of: id) else { return nil }
      return values[slot]
    }
    set {
      let place = ids.firstIndex { $0 >= id } ?? ids.count
      let exists = place < ids.count && ids[place] == id
      switch (newValue, exists) {
      case (let value?, true): values[place] = value
      case (let value?, false):
        ids.insert(id, at: place)
        values.insert(value, at: place)
      case (nil, true):
        ids.remove(at: place)
        values.remove(at: place)
      case (nil, false): break
      }
    }
  }
}
