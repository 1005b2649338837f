/// One or two sets of voters; with two, both must agree.
package struct JointConfig: Sendable, Equatable {
  package var incoming: IDSet
  /// Empty unless the configuration is joint.
  package var outgoing: IDSet

  package init(incoming: IDSet = IDSet(), outgoing: IDSet = IDSet()) {
    self.incoming = incoming
    self.outgoing = outgoing
  }

  package func contains(_ id: UInt64) -> Bool {
    incoming.contains(id) || outgoing.contains(id)
  }

  /// The voters of both sets.
  package var ids: IDSet { outgoing.isEmpty ? incoming : incoming.union(outgoing) }

  /// Whether one voter alone decides.
  package var isSingleton: Bool { incoming.count == 1 && outgoing.isEmpty }

  /// The highest index both sets agree on.
  package func committedIndex(acked: (UInt64) -> UInt64?) -> UInt64 {
    min(
      MajorityConfig.committedIndex(incoming, acked: acked),
      MajorityConfig.committedIndex(outgoing, acked: acked))
  }

  /// How an election among both sets stands.
  package func voteResult(vote: (UInt64) -> Bool?) -> VoteResult {
    let first = MajorityConfig.voteResult(incoming, vote: vote)
    let second = MajorityConfig.voteResult(outgoing, vote: vote)
    if first == second { return first }
    return first == .lost || second == .lost ? .lost : .pending
  }
}
