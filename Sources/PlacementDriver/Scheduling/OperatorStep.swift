import Codec

/// One change of a region. Whether it is done is read from the region.
enum OperatorStep: Sendable, Hashable {
  case addLearner(PeerInfo)
  case promoteLearner(PeerInfo)
  /// Where the peer leads, the leader moves away first.
  case removePeer(PeerInfo)
  case transferLeader(from: UInt64, to: PeerInfo)
  /// Several changes of voters at once. Of a single one the store makes a simple change, which needs no
  /// `leaveJoint`; several leave a joint configuration behind.
  case enterJoint(JointChange)
  /// The joint configuration that these changes began ends.
  case leaveJoint(JointChange)
  /// The region is merged into its neighbor: when that is done, it is gone.
  case merge(source: Region, target: Region)
  /// The region waits for its neighbor to be merged into it; its leader has nothing to do.
  case absorb(source: Region, target: Region)
  /// The region is split at these keys; without a key, in the middle of its data.
  case split(Region, keys: [[UInt8]])

  /// Whether the region shows the step's change; a new peer may still lack the data.
  func isVisible(in record: RegionRecord) -> Bool {
    let region = record.region
    func hasRole(_ peer: PeerInfo, _ roles: [PeerRole]) -> Bool {
      region.peer(id: peer.id).map { roles.contains($0.role) } ?? false
    }
    return switch self {
    case .addLearner(let peer): region.peer(id: peer.id) != nil
    case .promoteLearner(let peer): hasRole(peer, [.voter])
    case .removePeer(let peer): region.peer(id: peer.id) == nil
    case .transferLeader(_, let target): record.leader?.id == target.id
    case .enterJoint(let change):
      change.promoted.allSatisfy { hasRole($0, [.incomingVoter, .voter]) }
        && change.demoted.allSatisfy { hasRole($0, [.demotingVoter, .learner]) }
    case .leaveJoint(let change):
      change.promoted.allSatisfy { hasRole($0, [.voter]) }
        && change.demoted.allSatisfy { hasRole($0, [.learner]) }
    case .merge(let source, _): region.epoch.version > source.epoch.version
    case .absorb(let source, let target):
      region.range.contains(source.range) && region.range.contains(target.range)
    case .split(let whole, _): region.range != whole.range
    }
  }

  /// Whether the next step may begin: a new peer must have caught up first.
  func isFinished(in record: RegionRecord) -> Bool {
    guard isVisible(in: record) else { return false }
    return switch self {
    case .addLearner(let peer), .promoteLearner(let peer): !record.isPending(peer)
    // What is visible is that the merge was prepared.
    case .merge: false
    default: true
    }
  }

  /// The store that has to take part in the step for it to succeed.
  var target: UInt64? {
    switch self {
    case .addLearner(let peer), .transferLeader(_, let peer): peer.storeID
    case .promoteLearner, .removePeer, .enterJoint, .leaveJoint, .merge, .absorb, .split: nil
    }
  }

  /// Makes the step's change among a region's peers.
  func apply(to peers: inout [PeerInfo]) {
    switch self {
    case .addLearner(let peer):
      peers.append(peer)
    case .promoteLearner(let peer):
      Self.set(.voter, of: [peer], in: &peers)
    case .removePeer(let peer):
      peers.removeAll { $0.id == peer.id }
    case .enterJoint(let change):
      Self.set(change.isJoint ? .incomingVoter : .voter, of: change.promoted, in: &peers)
      Self.set(change.isJoint ? .demotingVoter : .learner, of: change.demoted, in: &peers)
    case .leaveJoint(let change):
      Self.set(.voter, of: change.promoted, in: &peers)
      Self.set(.learner, of: change.demoted, in: &peers)
    case .transferLeader, .merge, .absorb, .split:
      break
    }
  }

  private static func set(_ role: PeerRole, of changed: [PeerInfo], in peers: inout [PeerInfo]) {
    for index in peers.indices where changed.contains(where: { $0.id == peers[index].id }) {
      peers[index].role = role
    }
  }

  /// How long the step may take on a region of that size: at least what is configured, more for a large region.
  func timeout(_ config: PDConfig, bytes: UInt64) -> Duration {
    // Bounded: sizes come from outside. A day is enough for any region.
    let mebibytes = Int64(clamping: min(bytes >> 20, 14_400))
    let fast = max(config.fastStepTimeout, .milliseconds(600 * mebibytes))
    return switch self {
    case .addLearner: max(config.slowStepTimeout, .seconds(6 * mebibytes))
    case .promoteLearner, .removePeer, .transferLeader, .enterJoint, .leaveJoint, .split: fast
    case .merge, .absorb: fast * 10
    }
  }

  /// By how much the step raises the region's configuration version.
  var confVersionDelta: UInt64 {
    switch self {
    case .addLearner, .promoteLearner, .removePeer: 1
    case .enterJoint(let change), .leaveJoint(let change): UInt64(change.count)
    // Its preparation counts although no peer changes.
    case .merge: 1
    case .transferLeader, .absorb, .split: 0
    }
  }

  /// What the leader must do now; nil if PD waits.
  func command(
    for record: RegionRecord, successor: (RegionRecord) -> PeerInfo?
  ) -> RegionOperator.Step? {
    switch self {
    case .addLearner(let peer):
      return isVisible(in: record) ? nil : .changePeer(Self.change(.addLearnerNode, peer, .learner))
    case .promoteLearner(let peer):
      return isVisible(in: record) || record.isPending(peer)
        ? nil : .changePeer(Self.change(.addNode, peer, .voter))
    case .removePeer(let peer):
      guard record.leader?.id == peer.id else {
        // The store compares the role too.
        let role = record.region.peer(id: peer.id)?.role ?? peer.role
        return .changePeer(Self.change(.removeNode, peer, role))
      }
      return successor(record).map { .transferLeader(to: $0, candidates: [$0]) }
    case .transferLeader(_, let target):
      return .transferLeader(to: target, candidates: [target])
    case .enterJoint(let change):
      if isVisible(in: record) { return nil }
      // A leader is demoted by a joint change only: a simple one would leave the region without a leader.
      if !change.isJoint, change.demoted.contains(where: { $0.id == record.leader?.id }) {
        return successor(record).map { .transferLeader(to: $0, candidates: [$0]) }
      }
      return .changePeerV2(
        change.promoted.map { Self.change(.addNode, $0, .voter) }
          + change.demoted.map { Self.change(.addLearnerNode, $0, .learner) })
    case .leaveJoint:
      // A leader that is being demoted does not leave: another one must lead first.
      if record.leader?.role == .demotingVoter {
        return successor(record).map { .transferLeader(to: $0, candidates: [$0]) }
      }
      return .changePeerV2([])
    case .merge(_, let target):
      return isVisible(in: record) ? nil : .merge(target: target)
    case .absorb:
      return nil
    case .split(_, let keys):
      return .splitRegion(keys: keys)
    }
  }

  private static func change(
    _ type: AdminCommand.ChangeType, _ peer: PeerInfo, _ role: PeerRole
  ) -> AdminCommand.PeerChange {
    var peer = peer
    peer.role = role
    return AdminCommand.PeerChange(type: type, peer: peer)
  }
}

/// Voters that a region gets and loses together.
struct JointChange: Sendable, Hashable {
  /// Learners that become voters.
  var promoted: [PeerInfo]
  /// Voters that become learners.
  var demoted: [PeerInfo]

  var count: Int { promoted.count + demoted.count }

  /// Whether the region passes through a joint configuration: one change alone is a simple one.
  var isJoint: Bool { count > 1 }

  /// The changes that a region in a joint configuration has begun.
  init(unfinishedIn region: Region) {
    promoted = region.peers.filter { $0.role == .incomingVoter }
    demoted = region.peers.filter { $0.role == .demotingVoter }
  }

  init(promoted: [PeerInfo], demoted: [PeerInfo]) {
    self.promoted = promoted
    self.demoted = demoted
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
    case .enterJoint(let change):
      (change.promoted.map { "promote learner \($0.id) on store \($0.storeID)" }
        + change.demoted.map { "demote voter \($0.id) on store \($0.storeID)" })
        .joined(separator: ", ") + (change.isJoint ? " in a joint change" : "")
    case .leaveJoint: "leave joint state"
    case .merge(let source, let target): "merge region \(source.id) into region \(target.id)"
    case .absorb(let source, let target): "merge region \(source.id) into region \(target.id), wait"
    case .split(_, let keys):
      keys.isEmpty ? "split region in the middle" : "split region at \(keys.count) keys"
    }
  }
}
