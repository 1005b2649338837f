import Synchronization

/// Bytes that the calls of a server hold, over all its connections and event loops: unfinished and
/// waiting requests, requests under way, responses not yet sent and those still expected. Any thread.
///
/// Connections report in steps of `step` bytes, so the sum lags by less than that for each of them.
package final class ByteBudget: Sendable {
  static let step = 64 << 10

  /// From here on unary calls are refused and streams wait.
  package let limit: Int
  private let bytes = Atomic<Int>(0)

  package init(limit: Int) {
    self.limit = max(limit, 1)
  }

  package var used: Int { bytes.load(ordering: .relaxed) }

  package var isFull: Bool { used >= limit }

  /// Half above the limit: large responses and what unfinished messages bring are refused.
  package var isOverdrawn: Bool { used / 3 >= limit / 2 }

  /// Twice the limit: not even what streams that are always served bring is taken.
  var isExhausted: Bool { used / 2 >= limit }

  func add(_ count: Int) {
    bytes.wrappingAdd(count, ordering: .relaxed)
  }
}

/// What a connection's calls have queued, or are expected, to respond, and the requests they work on,
/// in bytes. Any thread.
final class OutputLedger: Sendable {
  let budget: ByteBudget
  let limit: Int
  private let total = Atomic<Int>(0)

  /// Half of the limit is where waiting calls go on. What a socket has taken in is below that, as no
  /// one tells when it is sent.
  static let leastLimit = 4 << 20

  init(budget: ByteBudget, limit: Int) {
    self.budget = budget
    self.limit = max(limit, Self.leastLimit)
  }

  var bytes: Int { total.load(ordering: .relaxed) }

  func add(_ count: Int) {
    let (old, new) = total.wrappingAdd(count, ordering: .relaxed)
    // Whole steps crossed: over all calls they add up to the steps between first and last.
    let steps = (new >> 16) - (old >> 16)
    if steps != 0 { budget.add(steps * ByteBudget.step) }
  }

  /// Whether there is far more than was let in, for responses that no one expected to be so large.
  ///
  /// - Parameter charge: what the ledger holds for the call that asks.
  func isOverdrawn(besides charge: Int) -> Bool {
    (bytes - charge) / 2 >= limit || budget.isOverdrawn
  }
}
