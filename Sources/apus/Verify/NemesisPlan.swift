import Runtime

/// The process faults of a run, drawn from a seed.
///
/// Two sequences, each with one fault at a time: one for the stores, so that never more than one of a
/// region's three replicas is down or paused, and one for the placement driver.
struct NemesisPlan: Sendable {
  /// What happens to a process.
  enum Kind: Sendable {
    /// SIGKILL, and a restart at the end of the fault.
    case kill
    /// SIGSTOP, and SIGCONT at the end of the fault.
    case pause
  }

  /// One fault.
  struct Fault: Sendable {
    /// When it begins, after the start of the run.
    var at: Duration
    var length: Duration
    var kind: Kind
    /// The index of a store; 0 for the placement driver.
    var store: Int
    /// Whether the leader's store is the target, if it is known, instead of `store`.
    var targetsLeader: Bool
  }

  /// Faults of stores, ordered by time; they do not overlap.
  private(set) var stores: [Fault] = []
  /// Faults of the placement driver, likewise.
  private(set) var pd: [Fault] = []

  /// - Parameter end: when the last fault is over, after the start of the run.
  init(seed: UInt64, stores: Int, until end: Duration) {
    var random = SplitMix64(seed: seed)
    var at = Self.draw(500, 1500, &random)
    while true {
      // The first is a kill of the leader: even the shortest run has one.
      let isFirst = self.stores.isEmpty
      let kind: Kind = isFirst || Bool.random(using: &random) ? .kill : .pause
      let targetsLeader = isFirst || Int.random(in: 0..<100, using: &random) < 60
      let store = Int.random(in: 0..<stores, using: &random)
      let length = Self.draw(200, kind == .kill ? 3000 : 5000, &random)
      guard at + length <= end else { break }
      self.stores.append(
        Fault(at: at, length: length, kind: kind, store: store, targetsLeader: targetsLeader))
      at += length + Self.draw(100, 2500, &random)
    }
    at = Self.draw(2000, 8000, &random)
    while true {
      let kind: Kind = Bool.random(using: &random) ? .kill : .pause
      let length = Self.draw(200, 3000, &random)
      guard at + length <= end else { break }
      pd.append(
        Fault(at: at, length: length, kind: kind, store: 0, targetsLeader: false))
      at += length + Self.draw(4000, 12_000, &random)
    }
  }

  private static func draw(_ low: Int, _ high: Int, _ random: inout SplitMix64) -> Duration {
    .milliseconds(Int.random(in: low...high, using: &random))
  }
}
