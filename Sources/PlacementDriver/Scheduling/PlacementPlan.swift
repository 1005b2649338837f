import Codec

/// What should be done to a region, before ids are given to new peers.
enum PlacementPlan: Sendable, Hashable {
  /// A new replica, as a learner first.
  case add(store: UInt64)
  case promote(Peer)
  case remove(Peer)
  /// A new replica, then the old one goes.
  case move(Peer, store: UInt64)
  case transferLeader(from: UInt64, to: Peer)
  case leaveJoint
}
