import Runtime

/// The last log lines of a child process, for error messages.
enum ChildLog {
  /// Only so much of a log's end is looked at, and shown.
  private static let maxTail: UInt64 = 16 << 10
  private static let maxReason = 400

  /// The reason of the child's end: the message of a trap, else its last complaint, else its last error,
  /// else its last line; nil where it wrote nothing.
  ///
  /// - Parameter start: how long the log was when the child began; what is before it is not its own.
  static func reason(in path: String, from start: UInt64) throws(FileSystemError) -> String? {
    let files = SystemFileSystem()
    guard let size = try files.size(of: path), size > start else { return nil }
    let offset = max(start, size - min(size, maxTail))
    let bytes = try files.open(path).read(at: offset, upTo: Int(maxTail))
    return reason(in: String(decoding: bytes, as: UTF8.self))
  }

  static func reason(in text: String) -> String? {
    let lines = text.split(whereSeparator: \.isNewline)
      .filter { !$0.allSatisfy(\.isWhitespace) }
    let complaint = lines.last { $0.hasPrefix("apus: ") || $0.hasPrefix("Error: ") }
    let error = lines.last { $0.contains("[FATAL]") || $0.contains("[ERROR]") }
    let line = lines.last { $0.contains("Fatal error: ") } ?? complaint ?? error ?? lines.last
    guard var line else { return nil }
    for prefix in ["apus: ", "Error: "] where line.hasPrefix(prefix) {
      line = line.dropFirst(prefix.count)
    }
    return String(line.prefix(maxReason))
  }
}
