/// Bounds how deep the values of a TOML text are nested, before a parser that recurses for each level
/// reads it.
struct TOMLDepth {
  /// Parts of a dotted key, and arrays and inline tables within one another.
  static let limit = 32

  private enum Place {
    case plain, comment
    /// Inside a string of that quotation mark, which three of them end if it may have lines.
    case string(UInt8, hasLines: Bool)
  }

  private let bytes: [UInt8]
  private var index = 0
  private var place = Place.plain
  private var line = 1
  /// Brackets and braces that are open.
  private var nesting = 0
  /// Dots since the key, or what may be one, began.
  private var dots = 0

  /// What is too deep, in words with the line; nil when nothing is.
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
    switch place {
    case .comment: break
    case .plain: stepPlain(byte)
    case .string(let quote, let hasLines):
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        // A line's end is for the next step, escaped or not.
        if index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      } else if byte == quote, !hasLines || takeTwo(quote) {
        place = .plain
      }
    }
  }

  private mutating func endLine() {
    if case .string(_, true) = place { return }
    // A string without lines that is still open is an error, for the parser to report.
    place = .plain
    dots = 0
  }

  private mutating func stepPlain(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "#"): place = .comment
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      place = .string(byte, hasLines: takeTwo(byte))
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

  /// Passes over two more of `quote`, if they are next.
  private mutating func takeTwo(_ quote: UInt8) -> Bool {
    guard index + 1 < bytes.count, bytes[index] == quote, bytes[index + 1] == quote else {
      return false
    }
    index += 2
    return true
  }
}
