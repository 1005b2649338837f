/// The campaigns of a shard that are due in one tick, because peers have not heard of a leader for an election timeout.
///
/// A store that restarts, or one whose neighbor is gone, has thousands of them. If all began at the same time, the vote
/// requests would take longer to handle than an election timeout, and no election would ever end. So only a bounded number
/// is in progress at a time: on a slow machine fewer begin. The others wait, and those that were due first come first. One
/// that fails waits for a whole timeout again, so that regions without a quorum do not keep others waiting.
struct DueCampaigns {
  private struct Candidate {
    var regionID: UInt64
    /// For how many ticks it has waited.
    var delay: Int
  }

  private var candidates: [Candidate] = []

  mutating func add(_ regionID: UInt64, delay: Int) {
    candidates.append(Candidate(regionID: regionID, delay: delay))
  }

  /// All of them, those that may begin first: the `limit` that have waited longest, of equals the lowest ids.
  consuming func ordered(limit: Int) -> [(regionID: UInt64, mayBegin: Bool)] {
    if candidates.count > limit {
      candidates.sort { ($1.delay, $0.regionID) < ($0.delay, $1.regionID) }
    }
    return candidates.enumerated().map { ($1.regionID, $0 < limit) }
  }
}
