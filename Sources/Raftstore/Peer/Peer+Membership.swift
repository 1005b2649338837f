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
    let after: Region
    do throws(MembershipChange.Refusal) {
      after = try MembershipChange.apply(changes, to: region)
    } catch {
      throw MembershipRefusal(reason: error.reason)
    }
    try checkLeader(changes, after)
    try checkCommit(after)
    try checkHealth(changes, after)
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

  /// Taking a voter away must not leave a region whose living voters are no majority.
  private func checkHealth(
    _ changes: [AdminCommand.PeerChange], _ after: Region
  ) throws(MembershipRefusal) {
    let before = votes(in: region)
    let later = votes(in: after)
    let removed = before.normal + before.slow > later.normal + later.slow
    guard removed || changes.contains(where: { $0.type != .addNode }) else { return }
    if before.normal > before.slow && later.normal <= later.slow && later.slow > 0 {
      throw MembershipRefusal(
        reason: "\(later.slow) of \(later.normal + later.slow) voters that remain are not "
          + "heard of")
    }
  }

  /// Voters that are heard of, and those that are not.
  private func votes(in region: Region) -> (normal: Int, slow: Int) {
    let patience = context.config.baseTickInterval * (4 * context.config.electionTicks)
    var normal = 0
    var slow = 0
    for peer in region.peers where peer.role == .voter || peer.role == .incomingVoter {
      let silence = activity.silence(of: peer.id, at: context.now)
      if peer.id == info.id || silence.map({ $0 <= patience }) == true {
        normal += 1
      } else {
        slow += 1
      }
    }
    return (normal, slow)
  }
}
