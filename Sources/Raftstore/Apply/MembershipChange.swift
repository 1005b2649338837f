import Codec

/// The effect of membership changes on a region, as a pure function: which peers it has afterwards,
/// with which roles, at which epoch. The rules are TiKV's (simple changes, and joint consensus of the
/// Raft dissertation §4.3 in the form of etcd's).
enum MembershipChange {
  /// Why a change cannot be applied; nothing was changed.
  struct Refusal: Error, Hashable, Sendable {
    var reason: String
  }

  /// The region after `changes`; an empty list leaves a joint configuration.
  static func apply(
    _ changes: [AdminCommand.PeerChange], to region: Region
  ) throws(Refusal) -> Region {
    switch changes.count {
    case 0: try leaveJoint(region)
    case 1: try simple(changes[0], region)
    default: try enterJoint(changes, region)
    }
  }

  private static func simple(
    _ change: AdminCommand.PeerChange, _ region: Region
  ) throws(Refusal) -> Region {
    if region.isJoint { throw Refusal(reason: "\(region) is in a joint configuration") }
    var region = region
    let index = try index(of: change.peer, in: region)
    switch (change.type, index) {
    case (.removeNode, let index?): region.peers.remove(at: index)
    case (.removeNode, nil):
      throw Refusal(reason: "\(change.peer) is not a member of \(region)")
    case (.addNode, let index?) where region.peers[index].role == .learner:
      region.peers[index].role = .voter
    case (.addLearnerNode, let index?) where region.peers[index].role == .voter:
      region.peers[index].role = .learner
    case (.addNode, nil): region.peers.append(with(change.peer, role: .voter))
    case (.addLearnerNode, nil): region.peers.append(with(change.peer, role: .learner))
    case (.addNode, _?), (.addLearnerNode, _?):
      throw Refusal(reason: "\(change.peer) is a member of \(region) already")
    }
    if !region.peers.contains(where: { $0.role == .voter }) {
      throw Refusal(reason: "\(region) would have no voter")
    }
    return try counting(1, region)
  }

  private static func enterJoint(
    _ changes: [AdminCommand.PeerChange], _ region: Region
  ) throws(Refusal) -> Region {
    if region.isJoint { throw Refusal(reason: "\(region) is in a joint configuration") }
    var region = region
    var seen: Set<UInt64> = []
    for change in changes {
      guard seen.insert(change.peer.id).inserted else {
        throw Refusal(reason: "\(change.peer) is named twice in one change")
      }
      let index = try index(of: change.peer, in: region)
      let role = index.map { region.peers[$0].role }
      switch (change.type, index, role) {
      case (.addNode, let index?, .learner): region.peers[index].role = .incomingVoter
      case (.addNode, nil, _): region.peers.append(with(change.peer, role: .incomingVoter))
      case (.addLearnerNode, let index?, .voter): region.peers[index].role = .demotingVoter
      case (.addLearnerNode, nil, _): region.peers.append(with(change.peer, role: .learner))
      case (.removeNode, let index?, .learner): region.peers.remove(at: index)
      case (.removeNode, .some, _):
        throw Refusal(reason: "\(change.peer) must be demoted before it is removed")
      default:
        throw Refusal(reason: "\(change.type) of \(change.peer) does not fit \(region)")
      }
    }
    return try counting(UInt64(changes.count), region)
  }

  private static func leaveJoint(_ region: Region) throws(Refusal) -> Region {
    var region = region
    var changed: UInt64 = 0
    for index in region.peers.indices {
      switch region.peers[index].role {
      case .incomingVoter: region.peers[index].role = .voter
      case .demotingVoter: region.peers[index].role = .learner
      case .voter, .learner: continue
      }
      changed += 1
    }
    if changed == 0 { throw Refusal(reason: "\(region) is not in a joint configuration") }
    return try counting(changed, region)
  }

  /// The region with so many more changes in its version.
  private static func counting(_ changes: UInt64, _ region: Region) throws(Refusal) -> Region {
    let (version, isOverflowing) = region.epoch.confVersion.addingReportingOverflow(changes)
    if isOverflowing { throw Refusal(reason: "the versions of \(region) are used up") }
    var region = region
    region.epoch.confVersion = version
    return region
  }

  /// Where the peer stands in the region; refuses a peer id or store that means another one there.
  private static func index(of peer: PeerInfo, in region: Region) throws(Refusal) -> Int? {
    guard let index = region.peers.firstIndex(where: { $0.storeID == peer.storeID }) else {
      if let other = region.peer(id: peer.id) {
        throw Refusal(reason: "peer \(peer.id) is on store \(other.storeID)")
      }
      return nil
    }
    if region.peers[index].id != peer.id {
      throw Refusal(
        reason: "store \(peer.storeID) has peer \(region.peers[index].id), not \(peer.id)")
    }
    return index
  }

  private static func with(_ peer: PeerInfo, role: PeerRole) -> PeerInfo {
    var peer = peer
    peer.role = role
    return peer
  }
}
