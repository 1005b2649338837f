/// Limits the nesting of a TOML text. It is checked before the parser, which recurses for each level, reads the
/// text.
struct TOMLDepth {
  /// The most parts of a dotted key, and the most levels of arrays and inline tables.
  static let limit = 32

  private enum Context {
    case plain, comment
    /// Inside a string with that quotation mark. One with lines is ended by three of them.
    case string(UInt8, hasLines: Bool)
  }

  private let bytes: [UInt8]
  private var index = 0
  private var context = Context.plain
  private var line = 1
  /// The number of open brackets and braces.
  private var nesting = 0
  /// The number of dots since the beginning of what may be a key.
  private var dots = 0

  /// The first violation of the limit, as a message with its line; nil if there is none.
  static func problem(in text: String) -> String? {
    var scan = TOMLDepth(bytes: Array(text.utf8))
    while scan.index < scan.bytes.count {
      scan.step()
      if scan.dots >= limit { return "line \(scan.line): a key has more than \(limit) parts" }
      if scan.nesting > limit {
        return "line \(scan.line): values are nested more than \(limit) deep"
      }
    }
    return nil
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private mutating func step() {
    let byte = bytes[index]
    index += 1
    if byte == UInt8(ascii: "\n") {
      line += 1
      endLine()
      return
    }
    switch context {
    case .comment: break
    case .plain: stepPlain(byte)
    case .string(let quote, let hasLines):
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        // A line feed is handled by the next step, whether it is escaped or not.
        if index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      } else if byte == quote, !hasLines || takeTwo(quote) {
        context = .plain
      }
    }
  }

  private mutating func endLine() {
    if case .string(_, true) = context { return }
    // A single-line string that is still open is an error, which the parser reports.
    context = .plain
    dots = 0
  }

  private mutating func stepPlain(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "#"): context = .comment
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      context = .string(byte, hasLines: takeTwo(byte))
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      nesting += 1
      dots = 0
    case UInt8(ascii: "]"), UInt8(ascii: "}"):
      nesting = max(0, nesting - 1)
      dots = 0
    case UInt8(ascii: "="), UInt8(ascii: ","): dots = 0
    case UInt8(ascii: "."): dots += 1
    default: break
    }
  }

  /// Skips two more of `quote` if they follow.
  private mutating func takeTwo(_ quote: UInt8) -> Bool {
    guard index + 1 < bytes.count, bytes[index] == quote, bytes[index + 1] == quote else {
      return false
    }
    index += 2
    return true
  }
}
