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
      // Every kind draws the same amount of chance whether it is in or not.
      var own = SplitMix64(seed: random.next())
      let isIn = own.next() & 1 == 0
      guard allowed.contains(kind), isIn || isForced else { continue }
      kinds.append(kind)
      var at = Self.gap(kind, &own)
      while at < duration {
        faults.append(
          PlannedFault(
            number: 0, kind: kind, at: at, lasts: Self.length(kind, &own),
            dice: (0..<4).map { _ in own.next() }))
        at += Self.gap(kind, &own)
      }
    }
    faults.sort { ($0.at, $0.kind.rawValue) < ($1.at, $1.kind.rawValue) }
    for place in faults.indices { faults[place].number = place }
  }

  /// The time to the next fault of a kind.
  private static func gap(_ kind: FaultKind, _ random: inout SplitMix64) -> Duration {
    .milliseconds(Int64.random(in: 500...12_000, using: &random))
  }

  private static func length(_ kind: FaultKind, _ random: inout SplitMix64) -> Duration {
    .milliseconds(Int64.random(in: 50...5_000, using: &random))
  }
}
