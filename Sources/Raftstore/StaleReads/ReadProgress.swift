import Codec
import Collections

/// Up to which timestamp a replica may serve stale reads.
///
/// A leader's state is a pair of an applied index and a timestamp. It holds here once this replica has applied the index,
/// which it may not have when it hears of the pair: the timestamp never rises before the index is applied.
struct ReadProgress {
  /// States that wait for their index, ascending in both parts.
  private var waiting: Deque<SafeReadState> = []
  /// Never decreases, except by `reset`.
  private(set) var safeTS: UInt64 = 0

  /// The newest of more states replaces the last one.
  private static let maxWaiting = 128

  /// Takes a state that a quorum has confirmed.
  mutating func add(_ state: SafeReadState, applied: UInt64) {
    guard state.safeTS > safeTS, state.safeTS > waiting.last?.safeTS ?? 0 else { return }
    if state.appliedIndex <= applied, waiting.isEmpty {
      safeTS = state.safeTS
      return
    }
    var state = state
    if let last = waiting.last {
      state.appliedIndex = max(state.appliedIndex, last.appliedIndex)
      if waiting.count >= Self.maxWaiting || last.appliedIndex == state.appliedIndex {
        waiting.removeLast()
      }
    }
    waiting.append(state)
    self.applied(through: applied)
  }

  /// Follows the application of entries.
  mutating func applied(through index: UInt64) {
    while let first = waiting.first, first.appliedIndex <= index {
      safeTS = max(safeTS, first.safeTS)
      waiting.removeFirst()
    }
  }

  /// The data are replaced, or the region has taken over keys of another one: nothing is known of them.
  mutating func reset() {
    waiting = []
    safeTS = 0
  }
}
