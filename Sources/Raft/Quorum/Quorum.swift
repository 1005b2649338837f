/// How an election stands.
package enum VoteResult: UInt8, Sendable, Hashable {
  case pending = 1
  case lost = 2
  case won = 3
}

/// A set of voters that decides by majority.
package enum MajorityConfig {
  /// How many of `count` voters decide.
  @inline(__always)
  package static func quorum(of count: Int) -> Int { count / 2 + 1 }

  /// The highest index a majority of `voters` has acknowledged; everything for the empty set.
  package static func committedIndex(
    _ voters: IDSet, acked: (UInt64) -> UInt64?
  ) -> UInt64 {
    let count = voters.count
    guard count > 0 else { return .max }
    let rank = count - quorum(of: count)
    // Sorted on the stack: this runs for every acknowledgement and must not allocate.
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { sorted in
      for (filled, id) in voters.ids.enumerated() {
        let value = acked(id) ?? 0
        var place = filled
        while place > 0, sorted[place - 1] > value {
          sorted[place] = sorted[place - 1]
          place -= 1
        }
        sorted[place] = value
      }
      return sorted[rank]
    }
  }

  /// How an election among `voters` stands; the empty set agrees with everything.
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

/// One or two sets of voters; with two, both must agree.
package struct JointConfig: Sendable, Equatable {
  package var incoming: IDSet
  /// Empty unless the configuration is joint.
  package var outgoing: IDSet

  package init(incoming: IDSet = IDSet(), outgoing: IDSet = IDSet()) {
    self.incoming = incoming
    self.outgoing = outgoing
  }

  /// Whether `id` votes in either majority.
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
