import Runtime

/// Which processes are faulted when and for how long, drawn from a seed.
///
/// Two lanes, each with one fault at a time: one for the stores, so that never more than one of a
/// region's three replicas is down or paused, and one for the placement driver.
struct NemesisPlan: Sendable {
  enum ProcessFault: Sendable {
    case kill
    case pause
  }

  struct Fault: Sendable {
    /// After the start of the run.
    var at: Duration
    var length: Duration
    var inject: ProcessFault
    /// The index of a store.
    var store: Int
    /// To be done to the leader, where that is known, instead of to `store`.
    var targetsLeader: Bool
  }

  private(set) var stores: [Fault] = []
  private(set) var placementDriver: [Fault] = []

  /// - Parameter end: when the last fault is healed, after the start of the run.
  init(seed: UInt64, stores: Int, until end: Duration) {
    var random = SplitMix64(seed: seed)
    var at = Self.draw(500, 1500, &random)
    while true {
      // The first is a kill of the leader: even the shortest run has one.
      let isFirst = self.stores.isEmpty
      let inject: ProcessFault = isFirst || Bool.random(using: &random) ? .kill : .pause
      let targetsLeader = isFirst || Int.random(in: 0..<100, using: &random) < 60
      let store = Int.random(in: 0..<stores, using: &random)
      let length = Self.draw(200, inject == .kill ? 3000 : 5000, &random)
      guard at + length <= end else { break }
      self.stores.append(
        Fault(at: at, length: length, inject: inject, store: store, targetsLeader: targetsLeader))
      at += length + Self.draw(100, 2500, &random)
    }
    at = Self.draw(2000, 8000, &random)
    while true {
      let inject: ProcessFault = Bool.random(using: &random) ? .kill : .pause
      let length = Self.draw(200, 3000, &random)
      guard at + length <= end else { break }
      placementDriver.append(
        Fault(at: at, length: length, inject: inject, store: 0, targetsLeader: false))
      at += length + Self.draw(4000, 12_000, &random)
    }
  }

  private static func draw(_ low: Int, _ high: Int, _ random: inout SplitMix64) -> Duration {
    .milliseconds(Int.random(in: low...high, using: &random))
  }
}
