import Codec

/// What a region's leader is told to do next.
enum PlacementCommand: Sendable, Hashable {
  case addLearner(Peer)
  case addVoter(Peer)
  case removePeer(Peer)
  case transferLeader(Peer)
  case leaveJoint
}
