import Glibc
import Runtime
import Synchronization

/// Turns SIGTERM and SIGINT into something a command can await.
///
/// A handler writes the signal's number into a pipe and a thread reads it there: masks would not do, as
/// the thread in which libdispatch parks the main thread has all signals unblocked.
enum ShutdownSignals {
  private struct Ends {
    var read: Int32
    var write: Int32
  }

  /// Opened once, before the handlers are installed, and never closed.
  private static let pipe: Ends? = {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { Descriptors.setCloseOnExec(end) }
    return Ends(read: ends[0], write: ends[1])
  }()

  /// From now on the signals are given to `receive`, each with its number, on a thread of its own.
  static func watch(_ receive: @escaping @Sendable (Int32) -> Void) {
    // A peer that closes its socket must be an error of that write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    guard let pipe else {
      ProcessEnd.printError("no pipe for signals: they will end the process at once")
      return
    }
    for number in [SIGTERM, SIGINT] {
      signal(number) { number in
        guard let pipe = ShutdownSignals.pipe else { return }
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(pipe.write, &byte, 1)
      }
    }
    // Waits as long as the process lives, so it is never joined.
    _ = JoinableThread(name: "signals") {
      var byte: UInt8 = 0
      while true {
        if read(pipe.read, &byte, 1) == 1 { receive(Int32(byte)) }
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
