import ArgumentParser
import Glibc
import Logging
import Runtime
import Synchronization

/// The ways in which a server process ends, and the lines that commands print.
enum ProcessEnd {
  /// Runs a server until the process is to end: by SIGTERM or SIGINT, or, for a child of the playground, by
  /// the exit of its parent. A second signal ends the process at once.
  ///
  /// A process that is to end before `start` returns, which may wait for a placement driver, exits with 0 at
  /// once: it has served nothing, and a start can be interrupted anywhere. If `start` throws, the error is
  /// printed as one line and the process exits with 1.
  ///
  /// - Parameters:
  ///   - exitOnStdinClose: also end when standard input reaches its end.
  ///   - ready: called once the server has started.
  ///   - stop: returns when the server has stopped.
  static func serve<Server: Sendable>(
    _ logger: Logger, exitOnStdinClose: Bool, start: @escaping @Sendable () async throws -> Server,
    ready: (Server) -> Void, stop: (Server) async -> Void
  ) async throws {
    let ending = endGate(exitOnStdinClose: exitOnStdinClose)
    let isStarted = Gate()
    _ = Task.detached {
      await ending.wait()
      // Either the start opens the gate, or this task does and exits.
      guard isStarted.open() else { return }
      logger.info("stopped before the start was complete")
      _exit(0)
    }
    let server: Server
    do {
      server = try await start()
    } catch {
      printError("\(error)")
      throw ExitCode.failure
    }
    guard isStarted.open() else { return await Gate().wait() }
    ready(server)
    await ending.wait()
    logger.info("stopping")
    await stop(server)
    logger.info("stopped")
  }

  /// A gate that opens when the process is to end.
  private static func endGate(exitOnStdinClose: Bool) -> Gate {
    let gate = Gate()
    ShutdownSignals.watch { number in
      if !gate.open() { _exit(128 + number) }
    }
    if exitOnStdinClose {
      // Never joined: it runs until the process ends.
      _ = JoinableThread(name: "parent") {
        var byte: UInt8 = 0
        while read(0, &byte, 1) > 0 {}
        gate.open()
      }
    }
    return gate
  }

  /// Ends the process at once after an error of the disk, so that nothing more is acknowledged.
  @Sendable static func fatal(_ reason: String) {
    printError("fatal: \(reason)")
    _exit(1)
  }

  /// Prints a line to standard output, unbuffered: a reader may be waiting for it.
  static func say(_ message: String) {
    var bytes = Array("\(message)\n".utf8)
    _ = write(1, &bytes, bytes.count)
  }

  /// Prints a line about progress to standard error.
  @Sendable static func report(_ message: String) {
    var bytes = Array("\(message)\n".utf8)
    _ = write(2, &bytes, bytes.count)
  }

  /// Prints an error, `apus: MESSAGE`, to standard error.
  static func printError(_ message: String) {
    var bytes = Array("apus: \(message)\n".utf8)
    _ = write(2, &bytes, bytes.count)
  }
}
