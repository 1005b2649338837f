/// Why a line of a history file was refused, and where.
package struct HistoryFileError: Error, Hashable, CustomStringConvertible {
  /// The line, counted from 1; nil when the line was passed in by itself.
  package var line: Int?
  /// The byte within the line, counted from 0.
  package var position: Int
  package var reason: String

  package init(line: Int? = nil, position: Int, reason: String) {
    self.line = line
    self.position = position
    self.reason = reason
  }

  package var description: String {
    if let line {
      return "line \(line), byte \(position): \(reason)"
    }
    return "byte \(position): \(reason)"
  }
}
