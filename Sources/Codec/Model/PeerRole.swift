/// What a peer is to its region's quorum; numbers are `metapb.PeerRole`'s.
package enum PeerRole: Int, Sendable, Hashable, CaseIterable {
  case voter = 0
  case learner = 1
  /// Votes in the incoming half of a joint configuration only.
  case incomingVoter = 2
  /// Votes in the outgoing half only and becomes a learner when the joint state is left.
  case demotingVoter = 3
}
