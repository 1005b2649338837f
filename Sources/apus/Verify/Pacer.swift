import Runtime
import Synchronization

/// Limits the call rate of all clients together.
final class Pacer: Sendable {
  private let interval: UInt64
  private let next = Mutex<UInt64>(0)
  private let control: RunControl

  /// - Parameter rate: calls a second; nil for as many as there can be.
  init(rate: Double?, control: RunControl) {
    interval = rate.map { UInt64(1e9 / $0) } ?? 0
    self.control = control
  }

  /// Returns when a call may be made.
  func turn() async throws {
    guard interval > 0 else { return }
    let now = control.now
    let mine = next.withLock { next in
      let mine = max(next, now)
      next = mine + interval
      return mine
    }
    if mine > now { try await Task.sleep(for: .nanoseconds(Int64(mine - now))) }
  }
}
