package import Runtime

/// Time slicing of a long read: it works for a slice of time and then yields its thread to waiting reads. Any thread
/// may call.
package struct ReadTimeSlicing: Sendable {
  /// The result of a yield.
  package enum YieldResult: Sendable, Hashable {
    /// The rest of the read was queued.
    case queued
    /// Nothing was queued: unfinished reads hold too much memory. The read continues on this thread.
    case refused
    /// Nothing was queued: the threads have stopped. The read must fail.
    case stopped
  }

  /// When the read fails if it is not finished.
  package var deadline: Instant
  /// The time it may work before it yields. Checked between pieces of work, one of which may take longer.
  package var slice: Duration
  /// Whether the request was canceled. Checked before each piece of work; the read then fails.
  package var isCancelled: @Sendable () -> Bool
  /// Monotonic time.
  package var now: @Sendable () -> Instant
  /// Queues `work`, the rest of the read, behind waiting reads. `held` is the bytes it keeps in memory meanwhile.
  package var yield: @Sendable (_ held: Int, _ work: @escaping @Sendable () -> Void) -> YieldResult

  package init(
    deadline: Instant, slice: Duration,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    now: @escaping @Sendable () -> Instant,
    yield: @escaping @Sendable (Int, @escaping @Sendable () -> Void) -> YieldResult
  ) {
    self.deadline = deadline
    self.slice = slice
    self.isCancelled = isCancelled
    self.now = now
    self.yield = yield
  }
}
