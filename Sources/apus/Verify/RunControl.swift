import Runtime
import Synchronization

/// When a run is over. Times are nanoseconds since the run's start.
final class RunControl: Sendable {
  private struct State {
    /// When all faults were healed; nil until then, or if there never are any.
    var healedAt: UInt64?
    /// Clients that have not written anything since.
    var waiting: Set<Int>
    var recoveredAt: UInt64?
    var failure: String?
  }

  /// How long after the planned end, or after the healing if that is later, clients are waited for.
  static let grace: UInt64 = 30_000_000_000

  private let clock = SystemClock()
  private let origin: Instant
  private let plannedEnd: UInt64
  private let mustRecover: Bool
  private let interruption: Gate
  private let state: Mutex<State>

  /// - Parameters:
  ///   - mustRecover: the run goes on until every client has written after the healing.
  ///   - interruption: opened when the run is to end early.
  init(seconds: Double, clients: Int, mustRecover: Bool, interruption: Gate) {
    origin = clock.now
    plannedEnd = UInt64(seconds * 1e9)
    self.mustRecover = mustRecover
    self.interruption = interruption
    state = Mutex(State(waiting: Set(0..<clients)))
  }

  /// The one clock of the history.
  var now: UInt64 { clock.now.nanoseconds - origin.nanoseconds }

  /// Ends the run because it cannot go on.
  func fail(_ reason: String) {
    state.withLock { state in
      if state.failure == nil { state.failure = reason }
    }
  }

  /// All faults are over.
  func healed() {
    let now = now
    state.withLock { $0.healedAt = now }
  }

  /// A write that was asked for at `start` was acknowledged.
  func wrote(client: Int, start: UInt64, end: UInt64) {
    guard mustRecover else { return }
    state.withLock { state in
      guard let healed = state.healedAt, start >= healed, state.recoveredAt == nil else { return }
      state.waiting.remove(client)
      if state.waiting.isEmpty { state.recoveredAt = end }
    }
  }

  var isInterrupted: Bool { interruption.isOpen }
  var failure: String? { state.withLock { $0.failure } }

  /// True when no client should make another call.
  var isOver: Bool {
    if interruption.isOpen { return true }
    let now = now
    return state.withLock { state in
      if state.failure != nil { return true }
      guard now >= plannedEnd else { return false }
      guard mustRecover, state.recoveredAt == nil else { return true }
      return now >= max(plannedEnd, state.healedAt ?? 0) + Self.grace
    }
  }

  /// From the healing to the moment when every client had written again.
  var recovery: Recovery {
    guard mustRecover, !interruption.isOpen else { return .notAsked }
    return state.withLock { state in
      guard state.failure == nil else { return .notAsked }
      guard let healed = state.healedAt, let recovered = state.recoveredAt else {
        return .missed(clients: state.waiting.count)
      }
      return .after(.nanoseconds(Int64(recovered - healed)))
    }
  }

  /// Whether clients were served again once all faults were over.
  enum Recovery: Sendable {
    case notAsked
    case after(Duration)
    /// So many clients could not write.
    case missed(clients: Int)
  }
}
