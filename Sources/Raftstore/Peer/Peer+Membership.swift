import Codec
import Raft
import Runtime

/// Why a membership change is not proposed.
struct MembershipRefusal: Error, Hashable {
  var reason: String
}

// What TiKV demands of a membership change before it is proposed, so that a region never changes itself
// into one that cannot go on.
extension Peer {
  func checkMembership(_ changes: [AdminCommand.PeerChange]) throws(MembershipRefusal) {
    guard hasAppliedOwnTerm else {
      throw MembershipRefusal(reason: "the leader has not applied an entry of its term yet")
    }
    guard !node.hasPendingConfChange else {
      throw MembershipRefusal(reason: "another membership change is not applied yet")
    }
    guard node.leadTransferee == NodeID.none else {
      throw MembershipRefusal(reason: "leadership is being transferred")
    }
    try checkShape(changes)
    let after: Region
    do throws(MembershipChange.Refusal) {
      after = try MembershipChange.apply(changes, to: region)
    } catch {
      throw MembershipRefusal(reason: error.reason)
    }
    try checkLeader(changes, after)
    try checkCommit(after)
    try checkPromotions(after)
    try checkHealth(after)
  }

  /// Each change names the role that it leads to. Several at once involve a voter: with learners only nothing would
  /// show that the region is in a joint configuration, and it would never be left.
  private func checkShape(
    _ changes: [AdminCommand.PeerChange]
  ) throws(MembershipRefusal) {
    for change in changes {
      let role = change.peer.role
      switch change.type {
      case .addNode where role == .voter, .addLearnerNode where role == .learner, .removeNode: break
      default:
        throw MembershipRefusal(reason: "\(change.type) does not fit the role of \(change.peer)")
      }
    }
    let hasVoter = changes.contains { change in
      change.type == .addNode || region.peer(id: change.peer.id)?.role == .voter
    }
    if changes.count > 1, !hasVoter {
      throw MembershipRefusal(reason: "several changes at once must involve a voter")
    }
  }

  /// The leader stays one: it transfers leadership before it is removed, and who is on the way out does
  /// not end that.
  private func checkLeader(
    _ changes: [AdminCommand.PeerChange], _ after: Region
  ) throws(MembershipRefusal) {
    if changes.isEmpty {
      guard region.peer(id: info.id)?.role != .demotingVoter else {
        throw MembershipRefusal(reason: "the leader is being demoted: transfer leadership first")
      }
      return
    }
    let role = after.peer(id: info.id)?.role
    if role == nil || role == .learner {
      throw MembershipRefusal(reason: "the leader would be removed: transfer leadership first")
    }
  }

  /// The new quorum must be able to commit what this leader can still send it.
  private func checkCommit(_ after: Region) throws(MembershipRefusal) {
    if node.isSingleton { return }
    let state = after.confState
    for voters in [state.voters, state.votersOutgoing] where !voters.isEmpty {
      let matches = voters.map { node.progress(of: $0)?.match ?? 0 }.sorted()
      // The highest index that a majority holds.
      let reached = matches[matches.count - (matches.count / 2 + 1)]
      if reached + 1 < storage.firstIndex() {
        throw MembershipRefusal(
          reason: "the new members hold the log up to \(reached) only, it starts at "
            + "\(storage.firstIndex()): they would have to wait for snapshots")
      }
    }
  }

  /// A learner becomes a voter once it has what the log no longer holds: before that it would count in the quorum
  /// without being able to confirm anything.
  private func checkPromotions(_ after: Region) throws(MembershipRefusal) {
    for peer in after.peers where peer.role == .voter || peer.role == .incomingVoter {
      guard region.peer(id: peer.id)?.role == .learner, let progress = node.progress(of: peer.id),
        progress.match < storage.applyState.truncatedIndex
      else { continue }
      throw MembershipRefusal(
        reason: "learner \(peer.id) holds the log up to \(progress.match) only, it starts at "
          + "\(storage.firstIndex()): it waits for a snapshot")
    }
  }

  /// A region whose voters are mostly heard of stays one: neither is a voter that is heard of taken away where it is
  /// needed, nor does one that is silent become a voter. A region that has lost its majority already may do
  /// anything.
  private func checkHealth(_ after: Region) throws(MembershipRefusal) {
    let before = votes(in: region)
    let later = votes(in: after)
    if before.normal > before.slow && later.normal <= later.slow {
      throw MembershipRefusal(
        reason: "\(later.slow) of the \(later.normal + later.slow) voters that there would be are "
          + "not heard of")
    }
  }

  /// Voters of the configuration that the region is in or enters which are heard of, and those that are not. A peer
  /// that is not a member yet counts as heard of.
  private func votes(in region: Region) -> (normal: Int, slow: Int) {
    let patience = context.config.baseTickInterval * (4 * context.config.electionTicks)
    var normal = 0
    var slow = 0
    for peer in region.peers where peer.role == .voter || peer.role == .incomingVoter {
      let isNew = self.region.peer(id: peer.id) == nil
      let silence = activity.silence(of: peer.id, at: context.now)
      if peer.id == info.id || isNew || silence.map({ $0 <= patience }) == true {
        normal += 1
      } else {
        slow += 1
      }
    }
    return (normal, slow)
  }
}
