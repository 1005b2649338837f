import Synchronization

/// The expected size of a response: the largest recent one. Any thread; racing updates lose at
/// most a step.
package final class ReplyEstimate: Sendable {
  private let bytes: Atomic<Int>

  /// - Parameter initial: what is expected before there is any response. A connection's calls that no
  /// one
  ///   has responded yet must be let in all the same.
  package init(initial: Int = 16 << 10) {
    bytes = Atomic(initial)
  }

  package var value: Int { bytes.load(ordering: .relaxed) }

  /// A response of `size` bytes was given. Responses of much the same size write nothing.
  package func note(_ size: Int) {
    let known = value
    if size > known {
      bytes.store(size, ordering: .relaxed)
    } else if size < known / 2 {
      bytes.store(known - known / 16 - 1, ordering: .relaxed)
    }
  }
}
