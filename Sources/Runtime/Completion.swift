import Synchronization

/// The completion of a request: called exactly once, by whoever holds it last.
///
/// A request that is dropped unanswered hangs its client for ever, so dropping one is a bug that
/// traps in debug builds; in release it is completed with `abandoned`.
package final class Completion<Value: Sendable>: Sendable {
  private let isCompleted = Atomic(false)
  private let abandoned: Value
  private let body: @Sendable (Value) -> Void

  /// - Parameters:
  ///   - abandoned: what the requester is told if the completion is dropped unanswered.
  ///   - body: runs on the thread that responds; it must not block.
  package init(abandoned: Value, _ body: @escaping @Sendable (Value) -> Void) {
    self.abandoned = abandoned
    self.body = body
  }

  /// Responses. A second response is a bug: it traps in debug and is ignored in release.
  package func callAsFunction(_ value: Value) {
    let first = isCompleted.compareExchange(
      expected: false, desired: true, ordering: .acquiringAndReleasing
    ).exchanged
    assert(first, "a request was completed twice")
    if first { body(value) }
  }

  deinit {
    if !isCompleted.load(ordering: .acquiring) {
      assertionFailure("a request was dropped without completion")
      body(abandoned)
    }
  }
}
