import ArgumentParser
import Glibc
import Logging
import Runtime
import Synchronization

/// The ways in which a server process ends.
enum ProcessEnd {
  /// Runs a server from its start until the process is asked to end: by SIGTERM or SIGINT, or, for a child
  /// of the playground, by the end of its parent. A second signal ends the process at once.
  ///
  /// A process that is asked to end before the start is complete, which may wait for a placement driver,
  /// ends with 0 at once: it has served nothing, and a start can be cut off anywhere. A start that
  /// fails prints one plain line and ends the process with 1.
  static func serve<Server: Sendable>(
    _ logger: Logger, exitOnStdinClose: Bool, start: @escaping @Sendable () async throws -> Server,
    ready: (Server) -> Void, stop: (Server) async -> Void
  ) async throws {
    let ending = requested(exitOnStdinClose: exitOnStdinClose)
    let isStarted = Gate()
    _ = Task.detached {
      await ending.wait()
      // Whichever opens the gate first has its way.
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

  /// A gate that opens when the process is asked to end.
  private static func requested(exitOnStdinClose: Bool) -> Gate {
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
    return gate
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
