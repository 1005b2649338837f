import Client
import Raftstore

extension RegionReport {
  /// The report on a replica of this store.
  init(_ status: RegionStatus) {
    let role: Role =
      switch status.role {
      case .follower: .follower
      case .preCandidate: .preCandidate
      case .candidate: .candidate
      case .leader: .leader
      }
    self.init(
      region: status.region, peerID: status.peer.id, role: role,
      state: status.isApplyingSnapshot ? "applying" : "\(status.peerState)")
    leader = status.leaderPeerID
    term = status.term
    vote = status.vote
    committed = status.committed
    applied = status.applied
    first = status.firstIndex
    last = status.lastIndex
    truncated = status.truncatedIndex
    leaseMilliseconds = status.leaseMilliseconds
    progress = status.progress.map {
      Progress(
        peerID: $0.peerID, match: $0.match, next: $0.next, state: $0.state, active: $0.isActive,
        learner: $0.isLearner)
    }
  }
}
