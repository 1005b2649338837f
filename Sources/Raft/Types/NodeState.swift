/// Reserved node ids.
package enum NodeID {
  /// No node.
  package static let none: UInt64 = 0
  /// The thread that writes the log, in asynchronous mode. etcd's `LocalAppendThread`.
  package static let appendThread = UInt64.max
  /// The thread that applies committed entries, in asynchronous mode. etcd's `LocalApplyThread`.
  package static let applyThread = UInt64.max - 1

  /// Whether `id` is one of the two storage threads.
  package static func isThread(_ id: UInt64) -> Bool { id >= applyThread }
}

/// The role of a node in its term. Numbers are etcd's.
package enum Role: UInt8, Sendable, Hashable {
  case follower = 0
  case candidate = 1
  case leader = 2
  /// Asks for pre-votes, without having raised its term.
  case preCandidate = 3
}

/// The state that a node must store before it sends messages that depend on it.
package struct HardState: Sendable, Equatable {
  /// Never decreases.
  package var term: UInt64
  /// The candidate voted for in `term`, else `NodeID.none`. Does not change within a term once it is set.
  package var vote: UInt64
  /// The commit index. Never decreases, but may be behind after a crash.
  package var commit: UInt64

  package init(term: UInt64 = 0, vote: UInt64 = 0, commit: UInt64 = 0) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }

  /// Whether all fields are 0, as in a new node.
  package var isEmpty: Bool { term == 0 && vote == 0 && commit == 0 }
}

/// State that is of interest to the owner and need not be stored.
package struct SoftState: Sendable, Equatable {
  /// The leader as far as known, else `NodeID.none`.
  package var leader: UInt64
  package var role: Role

  package init(leader: UInt64 = 0, role: Role = .follower) {
    self.leader = leader
    self.role = role
  }
}

/// A confirmed read request. It may be served from the state machine once `index` is applied.
package struct ReadState: Sendable, Equatable {
  package var index: UInt64
  /// The context of the request, from `RawNode.readIndex`.
  package var context: [UInt8]

  package init(index: UInt64, context: [UInt8]) {
    self.index = index
    self.context = context
  }
}
