/// Text of keys, for people: printable ASCII is unchanged, other bytes are `\xNN`.
public enum KeyText {
  /// The escaped text of a key; `parse` returns the key.
  public static func escaped(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): text += [UInt8(ascii: "\\"), byte]
      case 0x20...0x7E: text.append(byte)
      default:
        text += [
          UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)],
        ]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Upper-case hexadecimal, as placement drivers print keys.
  public static func hex(_ bytes: [UInt8]) -> String {
    String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
  }

  /// The key of an escaped text. Escapes are `\xNN`, `\NNN` (octal), `\n`, `\r`, `\t`, `\"`, `\'` and `\\`;
  /// all other characters stand for their UTF-8 bytes. Nil if an escape is malformed.
  public static func parse(_ text: String) -> [UInt8]? {
    var rest = Array(text.utf8)[...]
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let kind = rest.popFirst() else { return nil }
      switch kind {
      case UInt8(ascii: "x"), UInt8(ascii: "X"):
        guard let byte = number(rest.prefix(2), count: 2, radix: 16) else { return nil }
        bytes.append(byte)
        rest = rest.dropFirst(2)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        guard let byte = number([kind] + rest.prefix(2), count: 3, radix: 8) else { return nil }
        bytes.append(byte)
        rest = rest.dropFirst(2)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"): bytes.append(kind)
      default: return nil
      }
    }
    return bytes
  }

  /// The key of hexadecimal text, two digits for each byte, with or without `0x` in front; nil for any other
  /// text.
  public static func parseHex(_ text: String) -> [UInt8]? {
    var rest = Array(text.utf8)[...]
    if text.hasPrefix("0x") || text.hasPrefix("0X") { rest = rest.dropFirst(2) }
    guard rest.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(rest.count / 2)
    while !rest.isEmpty {
      guard let byte = number(rest.prefix(2), count: 2, radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return bytes
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The byte that exactly `count` digits stand for.
  private static func number(
    _ text: some Collection<UInt8>, count: Int, radix: Int
  ) -> UInt8? {
    guard text.count == count, !text.contains(UInt8(ascii: "+")), !text.contains(UInt8(ascii: "-"))
    else { return nil }
    return UInt8(String(decoding: text, as: UTF8.self), radix: radix)
  }
}
