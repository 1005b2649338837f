import Raft

/// Where log lines and the harness's own output meet, in the order they arise.
final class TraceOutput: RaftLogger {
  static let levels = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"]
  static let silent = levels.count - 1

  /// Index into `levels`.
  var level = 0
  private(set) var text = ""

  var minimumLevel: RaftLogLevel { RaftLogLevel(rawValue: level) ?? .fatal }

  func clear() { text = "" }

  func write(_ added: String) {
    if level != Self.silent { text += added }
  }

  func log(_ level: RaftLogLevel, _ message: String) {
    guard self.level <= level.rawValue else { return }
    write("\(Self.levels[level.rawValue]) \(message)\(message.hasSuffix("\n") ? "" : "\n")")
  }

  /// Runs `body` with each line it writes moved in by two spaces.
  func indented(_ body: () throws -> Void) rethrows {
    let outer = text
    text = ""
    defer {
      var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      if lines.last == "" { lines.removeLast() }
      text = outer + lines.map { "  \($0)\n" }.joined()
    }
    try body()
  }
}
