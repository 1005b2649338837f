/// Node ids with a meaning of their own.
package enum NodeID {
  /// No node.
  package static let none: UInt64 = 0
  /// Whoever writes the log, in asynchronous mode.
  package static let appendThread = UInt64.max
  /// Whoever applies committed entries, in asynchronous mode.
  package static let applyThread = UInt64.max - 1

  /// Whether `id` is one of the two storage threads.
  package static func isThread(_ id: UInt64) -> Bool { id >= applyThread }
}

/// A node's part in its group. Numbers are etcd's.
package enum Role: UInt8, Sendable, Hashable {
  case follower = 0
  case candidate = 1
  case leader = 2
  case preCandidate = 3
}

/// What a node must have on disk before it tells anyone of it.
package struct HardState: Sendable, Equatable {
  package var term: UInt64
  package var vote: UInt64
  package var commit: UInt64

  package init(term: UInt64 = 0, vote: UInt64 = 0, commit: UInt64 = 0) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }

  /// Whether nothing was ever recorded.
  package var isEmpty: Bool { term == 0 && vote == 0 && commit == 0 }
}

/// State that is worth telling but need not be stored.
package struct SoftState: Sendable, Equatable {
  package var leader: UInt64
  package var role: Role

  package init(leader: UInt64 = 0, role: Role = .follower) {
    self.leader = leader
    self.role = role
  }
}

/// A read request that may be served once everything up to `index` is applied.
package struct ReadState: Sendable, Equatable {
  package var index: UInt64
  package var context: [UInt8]

  package init(index: UInt64, context: [UInt8]) {
    self.index = index
    self.context = context
  }
}
