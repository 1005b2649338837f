/// How much a line of the core's log matters.
package enum RaftLogLevel: Int, Sendable, Comparable {
  case debug = 0
  case info = 1
  case warning = 2
  case error = 3
  case fatal = 4

  package static func < (left: RaftLogLevel, right: RaftLogLevel) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// Where the core's log lines go. Lines below `minimumLevel` are not even built.
package protocol RaftLogger: AnyObject {
  var minimumLevel: RaftLogLevel { get }
  func log(_ level: RaftLogLevel, _ message: String)
}

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
