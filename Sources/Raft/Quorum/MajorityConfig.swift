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
