package import Runtime

/// How a long read shares the threads it runs on: it works for a slice of time, then lets those pass that wait.
/// Callable from any thread.
package struct ReadTurns: Sendable {
  /// What became of the wish to stand in line again.
  package enum Answer: Sendable, Hashable {
    /// The rest runs later.
    case queued
    /// What unfinished reads hold has reached its bound: the read goes on where it is.
    case goOn
    /// Nothing runs any more; the read must end.
    case stopped
  }

  /// When the read ends with an error if it is not finished.
  package var deadline: Instant
  /// How long it may work at a time. Looked at between pieces of work, of which one may take longer.
  package var slice: Duration
  /// Whether no one waits for the read any more: it ends before its next piece of work.
  package var isCancelled: @Sendable () -> Bool
  /// Monotonic time.
  package var now: @Sendable () -> Instant
  /// Runs `work` behind what waits; `held` is the bytes in memory until then.
  package var yield: @Sendable (_ held: Int, _ work: @escaping @Sendable () -> Void) -> Answer

  package init(
    deadline: Instant, slice: Duration,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    now: @escaping @Sendable () -> Instant,
    yield: @escaping @Sendable (Int, @escaping @Sendable () -> Void) -> Answer
  ) {
    self.deadline = deadline
    self.slice = slice
    self.isCancelled = isCancelled
    self.now = now
    self.yield = yield
  }
}
