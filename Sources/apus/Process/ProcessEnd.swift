import Glibc
import Runtime
import Synchronization

/// The ways in which a server process ends.
enum ProcessEnd {
  /// Returns when the process was asked to end: SIGTERM, SIGINT, or, for a child of the playground, the
  /// end of its parent. A second signal ends the process at once.
  static func wait(exitOnStdinClose: Bool) async {
    let gate = Gate()
    ShutdownSignals.watch { number in
      if !gate.open() { _exit(128 + number) }
    }
    if exitOnStdinClose {
      // Waits for as long as the process lives, so it is never joined.
      _ = JoinableThread(name: "parent") {
        var byte: UInt8 = 0
        while read(0, &byte, 1) > 0 {}
        gate.open()
      }
    }
    await gate.wait()
  }

  /// The disk can no longer be trusted: ends the process at once, so that nothing more is acknowledged.
  @Sendable static func fatal(_ reason: String) {
    printError("fatal: \(reason)")
    _exit(1)
  }

  /// One line to standard output, at once: whoever reads it may be waiting for it.
  static func say(_ message: String) {
    var bytes = Array("\(message)\n".utf8)
    _ = write(1, &bytes, bytes.count)
  }

  /// One line to standard error that is no complaint: how far something is.
  @Sendable static func report(_ message: String) {
    var bytes = Array("\(message)\n".utf8)
    _ = write(2, &bytes, bytes.count)
  }

  /// One line to standard error.
  static func printError(_ message: String) {
    var bytes = Array("apus: \(message)\n".utf8)
    _ = write(2, &bytes, bytes.count)
  }
}
