import Codec

/// The parameters behind a path's `?`, percent-decoded. Values are bytes: keys need not be text.
struct HTTPQuery: Sendable {
  struct Malformed: Error, CustomStringConvertible {
    var description: String
  }

  private var values: [String: [UInt8]] = [:]

  init(_ text: String) throws(Malformed) {
    for pair in text.split(separator: "&") {
      let mark = pair.firstIndex(of: "=") ?? pair.endIndex
      let name = String(decoding: try Self.unescape(pair[..<mark]), as: UTF8.self)
      // Of several the first counts.
      if values[name] == nil { values[name] = try Self.unescape(pair[mark...].dropFirst()) }
    }
  }

  subscript(name: String) -> [UInt8]? { values[name] }

  func text(_ name: String) -> String? {
    values[name].map { String(decoding: $0, as: UTF8.self) }
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  /// A key in the form that the parameter `format` names: as it is, or in hexadecimal.
  func key(_ bytes: [UInt8]) throws(Malformed) -> [UInt8] {
    text("format") == "hex" ? try Self.unhex(bytes) : bytes
  }

  /// The key range from the parameter `start` to `end_key`; either may be missing.
  func range(from start: String) throws(Malformed) -> KeyRange {
    let range = KeyRange(start: try key(self[start] ?? []), end: try key(self["end_key"] ?? []))
    guard range.end.isEmpty || !precedes(range.end, range.start) else {
      throw Malformed(description: "invalid key range \(range), start key is after end key")
    }
    return range
  }

  /// A whole number, or `otherwise` where there is none.
  func integer(_ name: String, otherwise: Int) throws(Malformed) -> Int {
    guard let text = text(name), !text.isEmpty else { return otherwise }
    guard let number = Int(text) else { throw Self.notANumber(text, "Atoi") }
    return number
  }

  /// An id of a path.
  static func id(_ text: String) throws(Malformed) -> UInt64 {
    guard let id = UInt64(text) else { throw notANumber(text, "ParseUint") }
    return id
  }

  private static func notANumber(_ text: String, _ function: String) -> Malformed {
    Malformed(description: "strconv.\(function): parsing \"\(text)\": invalid syntax")
  }

  /// Undoes percent-encoding; `+` stands for a space.
  static func unescape(_ text: some StringProtocol) throws(Malformed) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else {
          throw Malformed(description: "invalid URL escape in \"\(text)\"")
        }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    return bytes
  }

  static func unhex(_ text: [UInt8]) throws(Malformed) -> [UInt8] {
    var bytes: [UInt8] = []
    guard text.count % 2 == 0 else {
      throw Malformed(description: "encoding/hex: odd length hex string")
    }
    for index in stride(from: 0, to: text.count, by: 2) {
      guard let high = digit(text[index]), let low = digit(text[index + 1]) else {
        throw Malformed(description: "encoding/hex: invalid byte")
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
