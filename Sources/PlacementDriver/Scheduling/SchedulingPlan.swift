import Codec
import Runtime

/// A planned change of a region, before ids are allocated for new peers.
enum SchedulingPlan: Sendable, Hashable {
  /// A new replica, as a learner first.
  case add(store: UInt64)
  case promote(PeerInfo)
  case remove(PeerInfo)
  /// A new replica, then the old one goes.
  case move(PeerInfo, store: UInt64)
  case transferLeader(from: UInt64, to: PeerInfo)
  case leaveJoint
}

/// The result of a region's last operator, kept for queries.
struct FinishedOperator: Sendable {
  var kind: Operator.Kind
  var description: String
  var status: OperatorStatus
  var at: Instant
}
