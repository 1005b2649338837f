import Logging
import Raft

/// Passes the raft core's lines to the store's log, with the region they are about.
final class PeerLogger: RaftLogger {
  let minimumLevel: RaftLogLevel
  let logsRoutine: Bool
  private let logger: Logger
  private let prefix: String

  init(_ logger: Logger, regionID: UInt64) {
    self.logger = logger
    prefix = "region \(regionID): "
    logsRoutine = logger.logLevel <= .debug
    minimumLevel =
      switch logger.logLevel {
      case .trace, .debug: .debug
      case .info, .notice: .info
      case .warning: .warning
      case .error: .error
      case .critical: .fatal
      }
  }

  func log(_ level: RaftLogLevel, _ message: String) {
    let text = "\(prefix)\(message)"
    switch level {
    case .debug: logger.debug("\(text)")
    case .info: logger.info("\(text)")
    case .warning: logger.warning("\(text)")
    case .error: logger.error("\(text)")
    case .fatal: logger.critical("\(text)")
    }
  }
}
