import Runtime
import Synchronization

/// Decides when a run is over. Times are nanoseconds since the run's start. Any thread.
final class RunControl: Sendable {
  private struct State {
    /// When the last fault ended; nil until then and in a run without faults.
    var healedAt: UInt64?
    /// Clients that have not written since `healedAt`.
    var waiting: Set<Int>
    /// When the last client of `waiting` had written.
    var recoveredAt: UInt64?
    /// Why the run cannot go on.
    var failure: String?
  }

  /// How long clients may take to write again after the planned end, or after `healedAt` if that is later.
  static let grace: UInt64 = 30_000_000_000

  private let clock = SystemClock()
  private let origin: Instant
  private let plannedEnd: UInt64
  private let mustRecover: Bool
  private let interruption: Gate
  private let state: Mutex<State>

  /// - Parameters:
  ///   - mustRecover: the run goes on until every client has written after all faults ended.
  ///   - interruption: open when the run is to end early.
  init(seconds: Double, clients: Int, mustRecover: Bool, interruption: Gate) {
    origin = clock.now
    plannedEnd = UInt64(seconds * 1e9)
    self.mustRecover = mustRecover
    self.interruption = interruption
    state = Mutex(State(waiting: Set(0..<clients)))
  }

  /// The clock of the history.
  var now: UInt64 { clock.now.nanoseconds - origin.nanoseconds }

  /// Ends the run because it cannot go on. The first reason counts.
  func fail(_ reason: String) {
    state.withLock { state in
      if state.failure == nil { state.failure = reason }
    }
  }

  /// Records that all faults have ended.
  func healed() {
    let now = now
    state.withLock { $0.healedAt = now }
  }

  /// Records the acknowledgment of a write. One that started before all faults had ended does not count as
  /// recovery.
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

  /// Whether clients should stop making calls.
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

  /// Whether, and how soon after all faults had ended, every client wrote again.
  var recovery: Recovery {
    guard mustRecover, !interruption.isOpen else { return .notRequired }
    return state.withLock { state in
      guard state.failure == nil else { return .notRequired }
      guard let healed = state.healedAt, let recovered = state.recoveredAt else {
        return .missed(clients: state.waiting.count)
      }
      return .after(.nanoseconds(Int64(recovered - healed)))
    }
  }

  /// Whether clients were served again once all faults had ended.
  enum Recovery: Sendable {
    /// There were no faults, or the run ended early.
    case notRequired
    case after(Duration)
    /// The number of clients that did not write again in time.
    case missed(clients: Int)
  }
}
