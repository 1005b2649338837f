import Codec

/// A planned change of a region, before ids are allocated for new peers, and why it is planned.
struct SchedulingPlan: Sendable, Hashable {
  enum Change: Sendable, Hashable {
    /// A new replica, as a learner first.
    case add(store: UInt64)
    case promote(PeerInfo)
    case remove(PeerInfo)
    /// A new replica, then the old one goes.
    case move(PeerInfo, store: UInt64)
    /// Voters on exactly these stores, led from `leader` if it is not nil.
    case relocate(stores: [UInt64], leader: UInt64?)
    case transferLeader(from: UInt64, to: PeerInfo)
    case leaveJoint
    /// Replicas on the stores of the target's, then the merge.
    case merge(into: Region)
    /// At these keys; without a key, in the middle of the region's data.
    case split(keys: [[UInt8]])
  }

  /// What the operator will be called, one of a fixed set: metrics are counted by it.
  var name: String
  var reason: String
  var kind: Operator.Kind
  var priority: Operator.Priority
  var change: Change

  init(
    _ name: String, _ reason: String, _ kind: Operator.Kind,
    _ priority: Operator.Priority = .low, _ change: Change
  ) {
    self.name = name
    self.reason = reason
    self.kind = kind
    self.priority = priority
    self.change = change
  }
}
