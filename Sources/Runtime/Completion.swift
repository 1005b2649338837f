import Synchronization

/// The completion of a request. It is called exactly once, on any thread.
///
/// A request that is never completed blocks its client forever, so dropping one is a bug: it traps in debug
/// builds, and in release builds the request is completed with `abandoned`.
package final class Completion<Value: Sendable>: Sendable {
  private let isCompleted = Atomic(false)
  /// The result of a request that is dropped.
  private let abandoned: Value
  private let body: @Sendable (Value) -> Void

  /// - Parameters:
  ///   - abandoned: the result if the completion is dropped without a call.
  ///   - body: receives the result on the thread that completes the request; it must not block.
  package init(abandoned: Value, _ body: @escaping @Sendable (Value) -> Void) {
    self.abandoned = abandoned
    self.body = body
  }

  /// Completes the request. A second call is a bug: it traps in debug builds and is ignored in release builds.
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
