import Codec
import Raft

/// The state of a removed leader while it broadcasts its removal.
struct RemovalBroadcast {
  /// The first round that tells of the removal.
  var firstRound: UInt64
  /// The region as it is without the peer; until the end the peer keeps to the one it was a member of.
  var region: Region
  var ticks = 0
}

// A leader that has applied its own removal. It may be the only member that knows of it: the others
// still count on the old membership, and with one of them dead an even number of members could never
// again elect anyone without the removed one (Ongaro's dissertation has servers use the newest
// membership in their log, committed or not; here, as in etcd, they use the applied one). So it stays,
// serves no one, and goes on as the member it was until a quorum has heard what is committed: then
// another member knows. Should others lead before that, they tell it that it is gone, as they tell any
// removed peer.
extension Peer {
  /// Whether it is removed and only stays to tell the others.
  var isBroadcastingRemoval: Bool { removalBroadcast != nil }

  /// - Parameter after: the region without this peer.
  func beginRemovalBroadcast(_ after: Region) {
    context.logger.info("region \(regionID): peer \(info.id) was removed, broadcasting its removal")
    endLeases()
    failPending(.regionNotFound(regionID: regionID))
    removalBroadcast = RemovalBroadcast(firstRound: reads.nextID, region: after)
    sendRemovalBroadcast()
  }

  /// As leader: tells what is committed, in a round that a quorum confirms.
  func sendRemovalBroadcast() {
    guard isBroadcastingRemoval, node.isLeader else { return }
    let applied = storage.applyState.appliedIndex
    run { node throws(RaftError) in try node.broadcastAppliedIndex(applied) }
    guard lifecycle == .active else { return }
    startRound([], isRenewal: false)
  }

  /// A quorum has heard a round: true if that was the last thing to be done.
  func endsRemovalBroadcast(_ round: PendingReads.Round) -> Bool {
    guard let removalBroadcast, round.id >= removalBroadcast.firstRound,
      round.leaderTerm == node.term
    else {
      return false
    }
    destroy("it was removed from the region")
    return true
  }

  /// Ticks between two farewells.
  static let removalBroadcastTicks = 4
}
