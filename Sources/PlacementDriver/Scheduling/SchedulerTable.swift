import Runtime

/// What runs at intervals and plans operators; named as in PD.
package enum Scheduler: String, Sendable, Hashable, CaseIterable {
  case evictLeader = "evict-leader-scheduler"
  case balanceLeader = "balance-leader-scheduler"
  case balanceRegion = "balance-region-scheduler"
  case balanceHotRegion = "balance-hot-region-scheduler"
}

/// Whether a scheduler runs, as changed at run time. Durable.
package struct SchedulerState: Sendable, Hashable {
  /// Stores that one scheduler may name.
  static let maxStores = 1024

  /// False once an administrator removed it.
  package var isAdded: Bool
  /// Milliseconds since 1970 until which it does not run; 0 if it is not paused.
  package var pausedUntil: UInt64 = 0
  /// The stores whose leaders an evict-leader scheduler moves, ascending; others have none.
  package var stores: [UInt64] = []

  init(isAdded: Bool) {
    self.isAdded = isAdded
  }

  /// Nil for bytes that `encoded` never returns.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= 9, bytes.count % 8 == 1, bytes[0] <= 1,
      let until = PDKeys.integer(bytes[1..<9])
    else { return nil }
    isAdded = bytes[0] == 1
    pausedUntil = until
    for start in stride(from: 9, to: bytes.count, by: 8) {
      guard let id = PDKeys.integer(bytes[start..<start + 8]) else { return nil }
      stores.append(id)
    }
  }

  func encoded() -> [UInt8] {
    [isAdded ? 1 : 0] + PDKeys.bigEndian(pausedUntil) + stores.flatMap(PDKeys.bigEndian)
  }

  func isPaused(atMilliseconds now: UInt64) -> Bool { pausedUntil > now }

  func isRunning(atMilliseconds now: UInt64) -> Bool { isAdded && !isPaused(atMilliseconds: now) }
}

/// The state of every scheduler.
struct SchedulerTable {
  /// Those that differ from the default.
  private var states: [Scheduler: SchedulerState] = [:]
  /// When each ran last.
  var runAt: [Scheduler: Instant] = [:]
  /// The last recovery of regions that had lost their quorums; nil if there was none since the start. Nothing is
  /// scheduled while it runs.
  var recovery: UnsafeRecovery?

  /// Balancing runs unless it was removed, eviction once it was added.
  subscript(scheduler: Scheduler) -> SchedulerState {
    get { states[scheduler] ?? SchedulerState(isAdded: scheduler != .evictLeader) }
    set { states[scheduler] = newValue }
  }

  /// Stores that leaders leave and to which none is moved, also while the scheduler is paused.
  var evictedStores: Set<UInt64> {
    let state = self[.evictLeader]
    return state.isAdded ? Set(state.stores) : []
  }
}
