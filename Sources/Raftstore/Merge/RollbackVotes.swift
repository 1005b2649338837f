import Codec

/// The members of a region that want its merge rolled back, because they have seen the target change on their
/// stores; kept by the leader.
///
/// The range of the source has a new owner if any replica of the target has applied the merge. So one store is not
/// asked: a quorum must have seen the target change, and one of them must have applied the change itself. All
/// replicas of the target apply the same log, so no other will apply the merge after that change. What a snapshot
/// has changed may have been the merge itself and more.
struct RollbackVotes {
  /// By peer: whether it has applied the change.
  private var votes: [UInt64: Bool] = [:]

  mutating func add(_ peerID: UInt64, isCertain: Bool) {
    votes[peerID] = isCertain || votes[peerID] == true
  }

  /// Whether the merge is to be rolled back.
  func isDecided(in region: Region) -> Bool {
    let state = region.confState
    let majorities = [state.voters, state.votersOutgoing].filter { !$0.isEmpty }
    guard
      majorities.allSatisfy({ voters in
        voters.count { votes[$0] != nil } > voters.count / 2
      })
    else { return false }
    return votes.contains { id, isCertain in isCertain && region.peer(id: id) != nil }
  }
}
