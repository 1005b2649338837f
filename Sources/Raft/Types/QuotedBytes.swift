/// Bytes as a double-quoted string, as Go's `%q` prints them.
package struct QuotedBytes: CustomStringConvertible {
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  package var description: String {
    var text = "\""
    var rest = bytes[...]
    while let first = rest.first {
      if first < 0x80 {
        text += Self.escaped(ascii: first)
        rest = rest.dropFirst()
      } else if let scalar = Self.leadingScalar(rest) {
        text += Self.escaped(scalar)
        rest = rest.dropFirst(UTF8.width(scalar))
      } else {
        text += "\\x" + Self.hex(UInt32(first), digits: 2)
        rest = rest.dropFirst()
      }
    }
    return text + "\""
  }

  private static func leadingScalar(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return scalar
  }

  private static func escaped(ascii byte: UInt8) -> String {
    switch byte {
    case 0x07: "\\a"
    case 0x08: "\\b"
    case 0x09: "\\t"
    case 0x0a: "\\n"
    case 0x0b: "\\v"
    case 0x0c: "\\f"
    case 0x0d: "\\r"
    case 0x22: "\\\""
    case 0x5c: "\\\\"
    case 0x20..<0x7f: String(Unicode.Scalar(byte))
    default: "\\x" + hex(UInt32(byte), digits: 2)
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .spaceSeparator, .lineSeparator,
      .paragraphSeparator:
      scalar.value < 0x1_0000
        ? "\\u" + hex(scalar.value, digits: 4) : "\\U" + hex(scalar.value, digits: 8)
    default: String(scalar)
    }
  }

  private static func hex(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

extension UTF8 {
  fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case 0..<0x80: 1
    case 0x80..<0x800: 2
    case 0x800..<0x1_0000: 3
    default: 4
    }
  }
}
