/// The severity of a line of the core's log.
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

/// Receives the core's log lines. Called on the thread of the node, which it must not call.
package protocol RaftLogger: AnyObject {
  /// Lines below this level are not built.
  var minimumLevel: RaftLogLevel { get }
  /// Whether lines of level info are built of which a loaded node has one for many of its entries. etcd logs them at
  /// that level and its traces contain them. True unless the logger says otherwise.
  var logsRoutine: Bool { get }
  func log(_ level: RaftLogLevel, _ message: String)
}

extension RaftLogger {
  package var logsRoutine: Bool { true }
}

/// The core's access to its logger. The text of a line that is not logged is never built.
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

  /// A line of level info that says nothing of interest; see `RaftLogger.logsRoutine`.
  @inline(__always)
  func routine(_ message: @autoclosure () -> String) {
    guard let logger, logger.minimumLevel <= .info, logger.logsRoutine else { return }
    logger.log(.info, message())
  }

  @inline(__always)
  func warning(_ message: @autoclosure () -> String) { log(.warning, message) }

  @inline(__always)
  func error(_ message: @autoclosure () -> String) { log(.error, message) }

  /// Logs why the node must stop and returns the error to throw.
  func abort(_ message: String) -> RaftError {
    log(.fatal) { message }
    return .aborted(message)
  }
}
