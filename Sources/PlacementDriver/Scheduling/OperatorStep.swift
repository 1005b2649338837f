import Codec

/// One change of a region. Whether it is done is read from the region.
enum OperatorStep: Sendable, Hashable {
  case addLearner(PeerInfo)
  case promoteLearner(PeerInfo)
  /// Where the peer leads, the leader moves away first.
  case removePeer(PeerInfo)
  case transferLeader(from: UInt64, to: PeerInfo)
  case leaveJoint

  /// Whether the region shows the step's change; a new peer may still lack the data.
  func isVisible(in record: RegionRecord) -> Bool {
    switch self {
    case .addLearner(let peer): record.region.peer(id: peer.id) != nil
    case .promoteLearner(let peer): record.region.peer(id: peer.id)?.role == .voter
    case .removePeer(let peer): record.region.peer(id: peer.id) == nil
    case .transferLeader(_, let target): record.leader?.id == target.id
    case .leaveJoint: !record.isJoint
    }
  }

  /// Whether the next step may begin: a new peer must have caught up first.
  func isFinished(in record: RegionRecord) -> Bool {
    guard isVisible(in: record) else { return false }
    return switch self {
    case .addLearner(let peer), .promoteLearner(let peer): !record.isPending(peer)
    default: true
    }
  }

  /// The store that has to take part in the step for it to succeed.
  var target: UInt64? {
    switch self {
    case .addLearner(let peer), .transferLeader(_, let peer): peer.storeID
    case .promoteLearner, .removePeer, .leaveJoint: nil
    }
  }

  /// Makes the step's change among a region's peers.
  func apply(to peers: inout [PeerInfo]) {
    switch self {
    case .addLearner(let peer):
      peers.append(peer)
    case .promoteLearner(let peer):
      for index in peers.indices where peers[index].id == peer.id { peers[index].role = .voter }
    case .removePeer(let peer):
      peers.removeAll { $0.id == peer.id }
    case .transferLeader, .leaveJoint:
      break
    }
  }

  /// How long the step may take on a region of that size: at least what is configured, more for a large region.
  func timeout(_ config: PDConfig, bytes: UInt64) -> Duration {
    // Bounded: sizes come from outside. A day is enough for any region.
    let mebibytes = Int64(clamping: min(bytes >> 20, 14_400))
    return switch self {
    case .addLearner: max(config.slowStepTimeout, .seconds(6 * mebibytes))
    case .promoteLearner, .removePeer, .transferLeader, .leaveJoint:
      max(config.fastStepTimeout, .milliseconds(600 * mebibytes))
    }
  }

  /// By how much the step raises the region's configuration version.
  var confVersionDelta: UInt64 {
    switch self {
    case .addLearner, .promoteLearner, .removePeer: 1
    case .transferLeader, .leaveJoint: 0
    }
  }

  /// What the leader must do now; nil if PD waits.
  func command(
    for record: RegionRecord, successor: (RegionRecord) -> PeerInfo?
  ) -> RegionOperator.Step? {
    switch self {
    case .addLearner(let peer):
      return isVisible(in: record) ? nil : Self.change(.addLearnerNode, peer, .learner)
    case .promoteLearner(let peer):
      return isVisible(in: record) || record.isPending(peer)
        ? nil : Self.change(.addNode, peer, .voter)
    case .removePeer(let peer):
      guard record.leader?.id == peer.id else {
        return Self.change(.removeNode, peer, peer.role)
      }
      return successor(record).map { .transferLeader(to: $0, candidates: [$0]) }
    case .transferLeader(_, let target):
      return .transferLeader(to: target, candidates: [target])
    case .leaveJoint:
      // A leader that is being demoted does not leave: another one must lead first.
      if record.leader?.role == .demotingVoter {
        return successor(record).map { .transferLeader(to: $0, candidates: [$0]) }
      }
      return .changePeerV2([])
    }
  }

  private static func change(
    _ type: AdminCommand.ChangeType, _ peer: PeerInfo, _ role: PeerRole
  ) -> RegionOperator.Step {
    var peer = peer
    peer.role = role
    return .changePeer(AdminCommand.PeerChange(type: type, peer: peer))
  }
}

extension OperatorStep: CustomStringConvertible {
  var description: String {
    switch self {
    case .addLearner(let peer): "add learner \(peer.id) on store \(peer.storeID)"
    case .promoteLearner(let peer): "promote learner \(peer.id) on store \(peer.storeID)"
    case .removePeer(let peer): "remove peer \(peer.id) on store \(peer.storeID)"
    case .transferLeader(let from, let to):
      "transfer leader from store \(from) to store \(to.storeID)"
    case .leaveJoint: "leave joint state"
    }
  }
}
