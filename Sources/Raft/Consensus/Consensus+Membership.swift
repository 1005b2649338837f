// Applying membership changes.
extension Consensus {
  /// Switches to the membership after `change` and returns it. Throws `confChange` if it does not fit.
  mutating func applyConfChange(_ change: ConfChangeV2) throws(RaftError) -> ConfState {
    let changer = ConfChanger(tracker: tracker, lastIndex: log.lastIndex)
    return try switchTo(try changer.change(change))
  }

  /// Installs a membership. A leader then commits what the new quorum holds, probes new peers, and
  /// aborts a transfer to a node that no longer votes.
  @discardableResult
  mutating func switchTo(_ outcome: ConfChanger.Outcome) throws(RaftError) -> ConfState {
    tracker.config = outcome.config
    tracker.progress = outcome.progress
    sink.info("\(self.id.hex) switched to configuration \(self.tracker.config)")
    let state = tracker.config.confState
    let own = tracker.progress.slot(of: id)
    isLearner = own.map { tracker.progress.values[$0].isLearner } ?? false
    if (own == nil || isLearner) && role == .leader {
      // Without the option a removed leader leads until another one is elected.
      if options.stepDownOnRemoval { becomeFollower(term: term, leader: NodeID.none) }
      return state
    }
    guard role == .leader, !state.voters.isEmpty else { return state }
    if try maybeCommit() {
      // The change may have made the quorum smaller.
      try broadcastAppend()
    } else {
      // New peers are probed at once.
      for slot in 0..<tracker.progress.count where tracker.progress.ids[slot] != id {
        _ = try maybeSendAppend(to: slot, sendIfEmpty: false)
      }
    }
    if leadTransferee != NodeID.none && !tracker.config.voters.contains(leadTransferee) {
      leadTransferee = NodeID.none
    }
    return state
  }
}
