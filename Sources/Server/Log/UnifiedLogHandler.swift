import Glibc
package import Logging
import RPC

/// Writes log lines to standard error in the unified log format of TiDB and TiKV:
/// `[2026/08/21 16:56:05.161 +00:00] [INFO] [store.swift:12] ["store is ready"] [store=1]`.
package struct UnifiedLogHandler: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level

  /// The most bytes of a message or a field; some contain data of clients.
  private static let maxFieldBytes = 1024

  package init(level: Logger.Level) {
    logLevel = level
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let name = event.file.split(separator: "/").last ?? ""
    var text = "[\(Self.now())] [\(Self.name(event.level))] [\(name):\(event.line)] "
    text += "[\(Self.quoted(event.message.description))]"
    var fields = metadata.merging(event.metadata ?? [:]) { _, new in new }
    if let error = event.error { fields["err"] = "\(error)" }
    for key in fields.keys.sorted() {
      text += " [\(Self.quoted(key))=\(Self.quoted(fields[key]?.description ?? ""))]"
    }
    text += "\n"
    // One write per line, so that lines of several threads do not mix. If it fails, there is nowhere to report
    // it.
    var bytes = Array(text.utf8)
    _ = write(2, &bytes, bytes.count)
  }

  /// The text itself if it is unambiguous, else in double quotes with the escapes of JSON.
  private static func quoted(_ whole: String) -> String {
    let text = whole.cutOff(afterUTF8: maxFieldBytes)
    let isPlain =
      !text.isEmpty
      && text.utf8.allSatisfy {
        $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x5B && $0 != 0x5D
      }
    if isPlain { return text }
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  private static func name(_ level: Logger.Level) -> String {
    switch level {
    case .trace: "TRACE"
    case .debug: "DEBUG"
    case .info, .notice: "INFO"
    case .warning: "WARN"
    case .error: "ERROR"
    case .critical: "FATAL"
    }
  }

  private static func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    func pad(_ number: some BinaryInteger, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(parts.tm_year + 1900)/\(pad(parts.tm_mon + 1, 2))/\(pad(parts.tm_mday, 2)) "
      + "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))."
      + "\(pad(time.tv_nsec / 1_000_000, 3)) +00:00"
  }
}
