import Runtime
import Synchronization

/// Limits the call rate of all clients together.
final class Pacer: Sendable {
  /// Nanoseconds between two calls; 0 for no limit.
  private let interval: UInt64
  /// When the next call may be made, in nanoseconds of `RunControl.now`.
  private let next = Mutex<UInt64>(0)
  private let control: RunControl

  /// - Parameter rate: calls a second; nil for no limit.
  init(rate: Double?, control: RunControl) {
    interval = rate.map { UInt64(1e9 / $0) } ?? 0
    self.control = control
  }

  /// Waits until a call may be made; throws if the task is cancelled.
  func wait() async throws {
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
