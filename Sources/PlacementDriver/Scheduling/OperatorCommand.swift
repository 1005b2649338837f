import Codec

/// The operator step sent to a region's leader.
enum OperatorCommand: Sendable, Hashable {
  case addLearner(PeerInfo)
  case addVoter(PeerInfo)
  case removePeer(PeerInfo)
  case transferLeader(PeerInfo)
  case leaveJoint
}
