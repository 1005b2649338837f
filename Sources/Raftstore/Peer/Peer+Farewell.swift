import Codec
import Raft

/// What a removed leader keeps while it tells the others.
struct Farewell {
  /// The first round that tells of the removal.
  var firstRound: UInt64
  /// The region as it is without the peer; until the end the peer keeps to the one it was a member of.
  var region: Region
  var ticks = 0
}

// A leader that has applied its own removal. It may be the only member that knows of it: the others still
// count on the old membership, and with one of them dead an even number of members could never again
// elect anyone without the removed one (Ongaro's dissertation has servers use the newest membership in
// their log, committed or not; here, as in etcd, they use the applied one). So it stays, serves nobody, and
// goes on as the member it was until a quorum has heard what is committed: then another member knows. Should
// others lead before that, they tell it that it is gone, as they tell any removed peer.
extension Peer {
  /// Whether it is removed and only stays to tell the others.
  var isLeaving: Bool { farewell != nil }

  /// - Parameter after: the region without this peer.
  func beginFarewell(_ after: Region) {
    context.logger.info("region \(regionID): peer \(info.id) was removed, and tells the others")
    dropLease()
    leaselessTerm = node.term
    answerAll(.regionNotFound(regionID: regionID))
    farewell = Farewell(firstRound: reads.nextID, region: after)
    sayFarewell()
  }

  /// As leader: tells what is committed, in a round that a quorum confirms.
  func sayFarewell() {
    guard isLeaving, node.isLeader else { return }
    let applied = storage.applyState.appliedIndex
    run { node throws(RaftError) in try node.announceApplied(applied) }
    guard life == .active else { return }
    startRound([], isRenewal: false)
  }

  /// A quorum has heard a round: true if that was the last thing to be done.
  func endsFarewell(_ round: PendingReads.Round) -> Bool {
    guard let farewell, round.id >= farewell.firstRound, round.leaderTerm == node.term else {
      return false
    }
    destroy("it was removed from the region")
    return true
  }

  /// Ticks between two farewells.
  static let farewellTicks = 4
}
