import Raft

// A leader that has applied its own removal. It may be the only member that knows of it: the others still
// count on the old membership, and with one of them dead an even number of members could never again
// elect anyone without the removed one (Ongaro's dissertation has servers use the newest membership in
// their log, committed or not; here, as in etcd, they use the applied one). So it stays, serves nobody, and
// goes on as a member until a quorum has heard what is committed: then another member knows.
extension Peer {
  /// Whether it is removed and only stays to tell the others.
  var isLeaving: Bool { farewellFrom != nil }

  func beginFarewell() {
    context.logger.info("region \(regionID): peer \(info.id) was removed, and tells the others")
    dropLease()
    leaselessTerm = node.term
    answerAll(.regionNotFound(regionID: regionID))
    farewellFrom = reads.nextID
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
    guard let first = farewellFrom, round.id >= first, round.leaderTerm == node.term else {
      return false
    }
    destroy("it was removed from the region")
    return true
  }

  /// Ticks between two farewells.
  static let farewellTicks = 4
}
