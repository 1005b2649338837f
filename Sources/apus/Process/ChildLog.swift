import Runtime

/// The last log lines of a child process, for error messages.
enum ChildLog {
  /// Bytes at the end of a log that are searched.
  private static let maxTail: UInt64 = 16 << 10
  /// Characters of a reason; the rest is cut off.
  private static let maxReason = 400

  /// The reason of the child's exit: the message of a trap, else the last line that the command printed to
  /// standard error, else the last logged error, else the last line; nil if the child wrote nothing.
  ///
  /// - Parameter start: the size of the log when the child started; earlier bytes are not from this child.
  static func reason(in path: String, from start: UInt64) throws(FileSystemError) -> String? {
    let files = SystemFileSystem()
    guard let size = try files.size(of: path), size > start else { return nil }
    let offset = max(start, size - min(size, maxTail))
    let bytes = try files.open(path).read(at: offset, upTo: Int(maxTail))
    return reason(in: String(decoding: bytes, as: UTF8.self))
  }

  /// The same for a log's text.
  static func reason(in text: String) -> String? {
    let lines = text.split(whereSeparator: \.isNewline)
      .filter { !$0.allSatisfy(\.isWhitespace) }
    let printed = lines.last { $0.hasPrefix("apus: ") || $0.hasPrefix("Error: ") }
    let error = lines.last { $0.contains("[FATAL]") || $0.contains("[ERROR]") }
    let line = lines.last { $0.contains("Fatal error: ") } ?? printed ?? error ?? lines.last
    guard var line else { return nil }
    for prefix in ["apus: ", "Error: "] where line.hasPrefix(prefix) {
      line = line.dropFirst(prefix.count)
    }
    return String(line.prefix(maxReason))
  }
}
