/// The core's handle on its logger. Without a logger a call costs one test; the text is never built.
struct LogSink {
  let logger: (any RaftLogger)?

  @inline(__always)
  func log(_ level: RaftLogLevel, _ message: () -> String) {
    guard let logger, level >= logger.minimumLevel else { return }
    logger.log(level, message())
  }

  @inline(__always)
  func debug(_ message: @autoclosure () -> String) { log(.debug, message) }

  @inline(__always)
  func info(_ message: @autoclosure () -> String) { log(.info, message) }

  @inline(__always)
  func warning(_ message: @autoclosure () -> String) { log(.warning, message) }

  @inline(__always)
  func error(_ message: @autoclosure () -> String) { log(.error, message) }

  /// Logs why the node cannot go on and gives the error to throw.
  func abort(_ message: String) -> RaftError {
    log(.fatal) { message }
    return .aborted(message)
  }
}
