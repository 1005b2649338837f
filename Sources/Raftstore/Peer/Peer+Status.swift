import Codec
import Raft
import Runtime

// What the peer shows of itself.
extension Peer {
  var status: RegionStatus {
    var progress: [RegionStatus.PeerProgress] = []
    if node.isLeader {
      node.forEachProgress { id, known in
        progress.append(
          RegionStatus.PeerProgress(
            peerID: id, match: known.match, next: known.next, state: "\(known.state)",
            isActive: known.recentActive, isLearner: known.isLearner))
      }
    }
    var status = RegionStatus(
      region: region, peer: info, peerState: peerState, role: node.role,
      leaderPeerID: node.leaderID, term: node.term, vote: node.vote, committed: node.committed,
      applied: storage.applyState.appliedIndex, firstIndex: node.firstIndex,
      lastIndex: node.lastIndex, truncatedIndex: storage.applyState.truncatedIndex,
      progress: progress, leaseMilliseconds: leaseMilliseconds,
      isApplyingSnapshot: incomingSnapshot != nil)
    status.isAsleep = isAsleep && isActive
    status.sleeps = schedule.hibernation.sleeps
    status.lastTerm = node.term(at: node.lastIndex) ?? 0
    return status
  }

  private var peerState: PeerState {
    if isFenced { return .unavailable }
    if lifecycle != .active { return .tombstone }
    if recovery != nil && incomingSnapshot == nil { return .unavailable }
    if incomingSnapshot.map({ $0.stage == .stepped }) == false { return .applying }
    return isMerging ? .merging : .normal
  }

  private var leaseMilliseconds: Int64? {
    let now = context.clock.now
    guard isLeaseValid(at: now), let remaining = lease.remaining(term: node.term, at: now)
    else { return nil }
    return remaining.asNanoseconds / 1_000_000
  }
}
