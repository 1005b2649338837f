/// Invariants of a membership and the progress of its members.
enum MembershipInvariants {
  /// Throws `confChange` for the first that does not hold, with etcd's message.
  static func check(_ config: TrackerConfig, _ progress: ProgressMap) throws(RaftError) {
    for set in [config.voters.ids, config.learners, config.learnersNext] {
      for id in set.ids where !progress.contains(id) {
        throw .confChange("no progress for \(id)")
      }
    }
    for id in config.learnersNext.ids {
      if !config.voters.outgoing.contains(id) {
        throw .confChange("\(id) is in LearnersNext, but not Voters[1]")
      }
      if progress[id]?.isLearner == true {
        throw .confChange("\(id) is in LearnersNext, but is already marked as learner")
      }
    }
    for id in config.learners.ids {
      if config.voters.outgoing.contains(id) {
        throw .confChange("\(id) is in Learners and Voters[1]")
      }
      if config.voters.incoming.contains(id) {
        throw .confChange("\(id) is in Learners and Voters[0]")
      }
      if progress[id]?.isLearner == false {
        throw .confChange("\(id) is in Learners, but is not marked as learner")
      }
    }
    guard !config.isJoint else { return }
    if !config.learnersNext.isEmpty {
      throw .confChange("cfg.LearnersNext must be nil when not joint")
    }
    if config.autoLeave { throw .confChange("AutoLeave must be false when not joint") }
  }
}
