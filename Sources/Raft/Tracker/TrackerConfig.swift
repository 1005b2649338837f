/// The membership a node works with.
package struct TrackerConfig: Sendable, Equatable {
  package var voters = JointConfig()
  /// Whether the leader leaves the joint configuration by itself.
  package var autoLeave = false
  package var learners = IDSet()
  /// Outgoing voters that become learners when the joint configuration is left.
  package var learnersNext = IDSet()

  package init() {}

  package var isJoint: Bool { !voters.outgoing.isEmpty }

  package var confState: ConfState {
    ConfState(
      voters: voters.incoming.ids, learners: learners.ids, votersOutgoing: voters.outgoing.ids,
      learnersNext: learnersNext.ids, autoLeave: autoLeave)
  }
}
