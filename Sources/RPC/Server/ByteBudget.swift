import Synchronization

/// Bytes that calls hold, over all connections and event loops of the servers that share it. Any
/// thread.
///
/// There are two halves, so that clients who do not end what they begin do not keep others from being
/// completed: what was received and is unfinished or waits, and responses that are not sent or still
/// expected, with the requests under way. Connections report in steps of `step` bytes, so each sum lags
/// by less than that for each of them.
package final class ByteBudget: Sendable {
  static let step = 64 << 10
  /// What a connection may have outstanding in any case: it is available however much others hold. Less than `step` per connection is not counted, so this is bounded by their number.
  static let reserve = 256 << 10

  package let limit: Int
  private let half: Int
  private let input = Atomic<Int>(0)
  private let output = Atomic<Int>(0)

  /// - Parameter limit: bytes, for both halves together.
  package init(limit: Int) {
    self.limit = max(limit, 2)
    half = max(limit, 2) / 2
  }

  package var used: Int { received + responses }
  var received: Int { input.load(ordering: .relaxed) }
  var responses: Int { output.load(ordering: .relaxed) }

  /// From here on connections that hold more than `reserve` get their unary calls refused, and their streams
  /// wait.
  package var isFull: Bool { responses >= half }

  /// Half above that: large responses are refused.
  var isOverdrawn: Bool { responses - half >= half / 2 }

  /// From here on only one unfinished message of a connection may grow.
  var isNearLimit: Bool { received >= half }

  /// Half above that: large messages are refused.
  var isCrowded: Bool { received - half >= half / 2 }

  /// Twice that: not even what streams that are always served bring is taken.
  var isExhausted: Bool { received - half >= half }

  func addInput(_ count: Int) { input.wrappingAdd(count, ordering: .relaxed) }

  func addOutput(_ count: Int) { output.wrappingAdd(count, ordering: .relaxed) }
}

/// What a connection's calls have queued, or are expected, to respond, and the requests they work on,
/// in bytes. Any thread.
final class OutputLedger: Sendable {
  let budget: ByteBudget
  let limit: Int
  private let total = Atomic<Int>(0)
  /// Requests passed to other threads and not yet completed.
  private let queued = Atomic<Int>(0)

  /// Half of the limit is where waiting calls go on. What a socket has taken in is below that, as
  /// nothing reports when it is sent.
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
    if steps != 0 { budget.addOutput(steps * ByteBudget.step) }
  }

  /// Whether the process's budget admits another call of this connection.
  var hasShare: Bool { !budget.isFull || bytes < ByteBudget.reserve }

  /// Counts one more request on another thread; false, and not counted, when there are `limit`.
  func beginQueued(limit: Int) -> Bool {
    if queued.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
    endQueued()
    return false
  }

  func endQueued() { queued.wrappingSubtract(1, ordering: .relaxed) }

  /// Whether there is far more than was let in, for responses that are larger than expected.
  ///
  /// - Parameters:
  ///   - size: of the response that is to be added.
  ///   - charge: what the ledger holds for the call that asks.
  func isOverdrawn(adding size: Int, insteadOf charge: Int) -> Bool {
    let others = bytes - charge
    if others / 2 >= limit { return true }
    return budget.isOverdrawn && others + size > ByteBudget.reserve
  }
}
