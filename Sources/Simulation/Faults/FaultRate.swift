import Runtime

/// How often faults of a kind come in a run that has it, and how long they last.
///
/// A run draws its own mean from `gaps`: some runs have few faults and some many, because some bugs show only
/// after a quiet time and some only under several faults at once.
struct FaultRate {
  /// Milliseconds from one to the next.
  var gaps: ClosedRange<Int64>
  /// Milliseconds it lasts.
  var lengths: ClosedRange<Int64> = 0...0
  /// Milliseconds for one in eight, for what only a long time brings about: stores that count as gone,
  /// members that are replaced.
  var longLengths: ClosedRange<Int64>?

  static func of(_ kind: FaultKind) -> FaultRate {
    switch kind {
    case .loss, .delay, .reorder, .duplicate:
      FaultRate(gaps: 1_000...8_000, lengths: 200...4_000)
    case .partition, .oneWay:
      FaultRate(gaps: 1_500...8_000, lengths: 100...4_000, longLengths: 6_000...13_000)
    case .slowLink: FaultRate(gaps: 1_500...8_000, lengths: 300...5_000)
    case .reset: FaultRate(gaps: 150...2_500)
    case .kill, .powerLoss:
      FaultRate(gaps: 1_500...10_000, lengths: 20...3_000, longLengths: 5_000...13_000)
    case .dieInRecovery: FaultRate(gaps: 3_000...12_000)
    case .restart: FaultRate(gaps: 2_500...10_000, lengths: 10...2_000)
    case .pause:
      FaultRate(gaps: 1_000...6_000, lengths: 50...2_500, longLengths: 4_000...13_000)
    case .wipe: FaultRate(gaps: 4_000...15_000, lengths: 200...6_000)
    case .dieAtWrite: FaultRate(gaps: 1_500...8_000, lengths: 50...3_000)
    case .writeError, .syncError: FaultRate(gaps: 2_000...10_000)
    case .readError: FaultRate(gaps: 1_000...8_000)
    case .slowDisk: FaultRate(gaps: 1_500...8_000, lengths: 200...5_000)
    case .hang: FaultRate(gaps: 1_500...8_000, lengths: 100...4_000)
    case .full: FaultRate(gaps: 3_000...12_000, lengths: 100...3_000)
    case .bitFlip: FaultRate(gaps: 2_000...10_000, lengths: 500...6_000)
    case .skew: FaultRate(gaps: 1_000...8_000)
    case .drift: FaultRate(gaps: 2_000...10_000, lengths: 1_000...15_000)
    case .pdDown: FaultRate(gaps: 3_000...12_000, lengths: 200...6_000)
    case .pdRestart: FaultRate(gaps: 2_000...10_000, lengths: 1...200)
    case .pdSlow: FaultRate(gaps: 2_000...10_000, lengths: 300...5_000)
    case .pdStale: FaultRate(gaps: 2_000...8_000, lengths: 500...8_000)
    case .transferLeader: FaultRate(gaps: 150...3_000)
    case .changeMembers: FaultRate(gaps: 400...4_000)
    case .compactLog: FaultRate(gaps: 200...3_000)
    case .split: FaultRate(gaps: 500...5_000)
    case .merge: FaultRate(gaps: 500...5_000)
    case .quiet:
      FaultRate(gaps: 4_000...10_000, lengths: 1_000...5_000, longLengths: 6_000...12_000)
    case .jointChange: FaultRate(gaps: 400...4_000)
    case .alterData: FaultRate(gaps: 3_000...12_000)
    }
  }
}
