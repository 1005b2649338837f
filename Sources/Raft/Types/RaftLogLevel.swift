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
