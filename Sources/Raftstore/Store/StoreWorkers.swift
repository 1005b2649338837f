import Runtime
import Synchronization

/// The workers and timers of a running store, and the order in which they end.
final class StoreWorkers: Sendable {
  private struct State {
    var timers: [any Cancellable] = []
    var ends: [@Sendable () -> Void] = []
  }

  private let state: Mutex<State>

  /// - Parameter ends: stop one worker each, in the order in which they are to be called.
  init(ends: [@Sendable () -> Void]) {
    state = Mutex(State(ends: ends))
  }

  func add(_ timer: any Cancellable) {
    state.withLock { $0.timers.append(timer) }
  }

  /// Requests end where they came from: ticks first, then what takes requests in, then what works for
  /// it.
  func stop() {
    let old = state.withLock { state in
      let old = state
      state = State()
      return old
    }
    for timer in old.timers { timer.cancel() }
    for end in old.ends { end() }
  }
}
