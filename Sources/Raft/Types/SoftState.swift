/// State that is worth telling but need not be stored.
package struct SoftState: Sendable, Equatable {
  package var leader: UInt64
  package var role: Role

  package init(leader: UInt64 = 0, role: Role = .follower) {
    self.leader = leader
    self.role = role
  }
}
