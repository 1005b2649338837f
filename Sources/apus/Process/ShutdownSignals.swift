import Glibc
import Runtime
import Synchronization

/// Turns SIGTERM and SIGINT into something a command can await.
///
/// `block` must run before the process starts its first thread: a signal is delivered to any thread that
/// has it unblocked, and threads inherit the mask of their creator.
enum ShutdownSignals {
  private static func set() -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }

  /// Keeps the signals from ending the process by themselves, in this thread and those it starts.
  static func block() {
    var signals = set()
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    // A peer that closes its socket must be an error of that write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
  }

  /// Starts a thread that waits for the signals and calls `receive` for each, with its number.
  static func watch(_ receive: @escaping @Sendable (Int32) -> Void) {
    // Waits as long as the process lives, so it is never joined.
    _ = JoinableThread(name: "signals") {
      var signals = set()
      while true {
        var number: Int32 = 0
        if sigwait(&signals, &number) == 0 { receive(number) }
      }
    }
  }
}

/// Something that opens once and that others can wait for.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Opens the gate; false if it was open already.
  @discardableResult
  func open() -> Bool {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
      if state.isOpen { return nil }
      state.isOpen = true
      return state.waiters
    }
    guard let waiters else { return false }
    for waiter in waiters { waiter.resume() }
    return true
  }

  /// Whether the gate is open.
  var isOpen: Bool { state.withLock { $0.isOpen } }

  /// Returns when the gate is open.
  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiters.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}
