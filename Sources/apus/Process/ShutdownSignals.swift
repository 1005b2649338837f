import Glibc
import Runtime
import Synchronization

/// Calls a closure on SIGTERM and SIGINT.
///
/// A handler writes the signal's number into a pipe, and a thread reads it there. Blocking the signals and
/// reading them with `sigwait` would not work: the thread in which libdispatch parks the main thread has all
/// signals unblocked.
///
/// Not UnixSignals of swift-service-lifecycle: its sequence is consumed by a task. The second signal must end
/// the process even if the tasks do not run, and a command that blocks its threads must see the first one.
enum ShutdownSignals {
  private struct Ends {
    var read: Int32
    var write: Int32
  }

  /// Opened once, before the handlers are installed, and never closed; nil if that failed.
  private static let pipe: Ends? = {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { Descriptors.setCloseOnExec(end) }
    return Ends(read: ends[0], write: ends[1])
  }()

  /// From now on calls `receive` for each of the signals, with its number, on a thread of its own. Also
  /// ignores SIGPIPE. Once per process.
  static func watch(_ receive: @escaping @Sendable (Int32) -> Void) {
    // A write to a socket that the peer has closed must return an error, not end the process.
    signal(SIGPIPE, SIG_IGN)
    guard let pipe else {
      ProcessEnd.printError(
        "cannot open a pipe for signals: SIGTERM and SIGINT will end the process at once")
      return
    }
    for number in [SIGTERM, SIGINT] {
      signal(number) { number in
        guard let pipe = ShutdownSignals.pipe else { return }
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(pipe.write, &byte, 1)
      }
    }
    // Never joined: it runs until the process ends.
    _ = JoinableThread(name: "signals") {
      var byte: UInt8 = 0
      while true {
        if read(pipe.read, &byte, 1) == 1 { receive(Int32(byte)) }
      }
    }
  }
}

/// A flag that is set once and that tasks can wait for. Any thread.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Opens the gate and resumes the waiting tasks; false if it was open already.
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

  /// Returns when the gate is open. Does not notice the cancellation of the task.
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
