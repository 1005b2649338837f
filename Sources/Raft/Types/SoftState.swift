/// A node's part in its group. Numbers are etcd's.
package enum Role: UInt8, Sendable, Hashable {
  case follower = 0
  case candidate = 1
  case leader = 2
  case preCandidate = 3
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
