package import Runtime

/// All faults of a run, in order of time.
package struct FaultPlan: Sendable {
  package var faults: [PlannedFault] = []
  /// The kinds the run has.
  package var kinds: [FaultKind] = []

  package init() {}

  /// Draws a plan (swarm testing: Groce et al. 2012): each kind is in with a chance of a half, and comes
  /// at a rate of its own.
  ///
  /// - Parameters:
  ///   - allowed: the kinds to draw from; of these all, when `isForced`.
  package init(
    duration: Duration, allowed: [FaultKind], isForced: Bool, random: inout SplitMix64
  ) {
    for kind in FaultKind.allCases {
      // Every kind draws the same number of random values whether it is in or not.
      var own = SplitMix64(seed: random.next())
      let isIn = own.next() & 1 == 0
      guard allowed.contains(kind), isIn || isForced else { continue }
      kinds.append(kind)
      faults += Self.draw(kind, within: duration, &own)
    }
    faults.sort { ($0.at, $0.kind.rawValue) < ($1.at, $1.kind.rawValue) }
    for index in faults.indices { faults[index].number = index }
  }

  /// The faults of one kind. The gaps of a run are drawn around a mean of its own; a kind that is in
  /// is injected at least once.
  private static func draw(
    _ kind: FaultKind, within duration: Duration, _ random: inout SplitMix64
  ) -> [PlannedFault] {
    let rate = FaultRate.of(kind)
    let mean = Int64.random(in: rate.gaps, using: &random)
    func gap() -> Duration {
      .milliseconds(Int64.random(in: mean / 4...mean * 7 / 4, using: &random))
    }
    var faults: [PlannedFault] = []
    var at = min(gap(), duration / 2)
    while at < duration {
      let isLong = random.next() & 7 == 0
      let lengths = isLong ? rate.longLengths ?? rate.lengths : rate.lengths
      let lasts = Duration.milliseconds(Int64.random(in: lengths, using: &random))
      faults.append(
        PlannedFault(
          number: 0, kind: kind, at: at, lasts: lasts,
          randomValues: (0..<4).map { _ in random.next() }))
      at += gap()
    }
    return faults
  }
}
