package import Raft

extension Region {
  /// The raft membership that the roles of the region's peers amount to, in ascending order.
  package var confState: Raft.ConfState {
    var state = Raft.ConfState()
    var isJoint = false
    for peer in peers.sorted(by: { $0.id < $1.id }) {
      switch peer.role {
      case .voter:
        state.voters.append(peer.id)
        state.votersOutgoing.append(peer.id)
      case .learner:
        state.learners.append(peer.id)
      case .incomingVoter:
        isJoint = true
        state.voters.append(peer.id)
      case .demotingVoter:
        isJoint = true
        state.votersOutgoing.append(peer.id)
        state.learnersNext.append(peer.id)
      }
    }
    if !isJoint { state.votersOutgoing = [] }
    return state
  }

  /// Whether a membership change is half done.
  package var isJoint: Bool {
    peers.contains { $0.role == .incomingVoter || $0.role == .demotingVoter }
  }
}
