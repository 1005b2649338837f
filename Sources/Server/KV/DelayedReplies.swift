import Synchronization

/// Counts the responses of a store that wait for a timer because the request has a delay. They are limited
/// because a timer outlives its stream and takes some hundred bytes. Any thread.
final class DelayedReplies: Sendable {
  /// The most responses that wait.
  let limit: Int
  private let count = Atomic<Int>(0)

  init(limit: Int) {
    self.limit = limit
  }

  /// Responses that wait now.
  var waiting: Int { count.load(ordering: .relaxed) }

  /// Counts a response; false at the limit. After true, `end` must be called once.
  func begin() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
    end()
    return false
  }

  /// The response has been sent.
  func end() { count.wrappingSubtract(1, ordering: .relaxed) }
}
