/// The result of an election so far. Numbers are etcd's.
package enum VoteResult: UInt8, Sendable, Hashable {
  /// Votes that are missing decide.
  case pending = 1
  /// A quorum can no longer be reached.
  case lost = 2
  /// A quorum has granted its vote.
  case won = 3
}

/// Decisions of a set of voters by majority.
package enum MajorityConfig {
  /// The size of a quorum of `count` voters: `n / 2 + 1`.
  @inline(__always)
  package static func quorum(of count: Int) -> Int { count / 2 + 1 }

  /// The highest index that a majority of `voters` has acknowledged; `UInt64.max` for the empty set, so that
  /// the minimum over a joint configuration is that of the other half.
  ///
  /// - Parameter acked: the index a voter has acknowledged; nil counts as 0.
  package static func committedIndex(
    _ voters: IDSet, acked: (UInt64) -> UInt64?
  ) -> UInt64 {
    let count = voters.count
    guard count > 0 else { return .max }
    let rank = count - quorum(of: count)
    // Insertion sort on the stack: this runs for every acknowledgment and must not allocate.
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { sorted in
      for (filled, id) in voters.ids.enumerated() {
        let value = acked(id) ?? 0
        var position = filled
        while position > 0, sorted[position - 1] > value {
          sorted[position] = sorted[position - 1]
          position -= 1
        }
        sorted[position] = value
      }
      return sorted[rank]
    }
  }

  /// The result of an election among `voters` so far; `won` for the empty set.
  ///
  /// - Parameter vote: whether a voter has granted its vote; nil if it has not voted.
  package static func voteResult(_ voters: IDSet, vote: (UInt64) -> Bool?) -> VoteResult {
    guard !voters.isEmpty else { return .won }
    var granted = 0
    var missing = 0
    for id in voters.ids {
      switch vote(id) {
      case true?: granted += 1
      case false?: break
      case nil: missing += 1
      }
    }
    let needed = quorum(of: voters.count)
    if granted >= needed { return .won }
    return granted + missing >= needed ? .pending : .lost
  }
}

/// The voters of a membership: one set, or two during a joint configuration. Every decision then needs a
/// majority of each (dissertation, section 4.3).
package struct JointConfig: Sendable, Equatable {
  /// The voters after the change.
  package var incoming: IDSet
  /// The voters before the change; empty unless the configuration is joint.
  package var outgoing: IDSet

  package init(incoming: IDSet = IDSet(), outgoing: IDSet = IDSet()) {
    self.incoming = incoming
    self.outgoing = outgoing
  }

  /// Whether `id` is a voter of either set.
  package func contains(_ id: UInt64) -> Bool {
    incoming.contains(id) || outgoing.contains(id)
  }

  /// The voters of both sets.
  package var ids: IDSet { outgoing.isEmpty ? incoming : incoming.union(outgoing) }

  /// Whether there is one voter.
  package var isSingleton: Bool { incoming.count == 1 && outgoing.isEmpty }

  /// The highest index that a majority of each set has acknowledged.
  package func committedIndex(acked: (UInt64) -> UInt64?) -> UInt64 {
    min(
      MajorityConfig.committedIndex(incoming, acked: acked),
      MajorityConfig.committedIndex(outgoing, acked: acked))
  }

  /// The result of an election among both sets so far.
  package func voteResult(vote: (UInt64) -> Bool?) -> VoteResult {
    let first = MajorityConfig.voteResult(incoming, vote: vote)
    let second = MajorityConfig.voteResult(outgoing, vote: vote)
    if first == second { return first }
    return first == .lost || second == .lost ? .lost : .pending
  }
}
