import Synchronization

/// How many replies wait on a timer because their request asked for a delay, over all streams of a store:
/// a timer outlives its stream and takes a few hundred bytes. Any thread.
final class DelayedReplies: Sendable {
  let limit: Int
  private let count = Atomic<Int>(0)

  init(limit: Int) {
    self.limit = limit
  }

  var waiting: Int { count.load(ordering: .relaxed) }

  /// False when as many wait as may. Otherwise `end` must be called once.
  func begin() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
    end()
    return false
  }

  func end() { count.wrappingSubtract(1, ordering: .relaxed) }
}
