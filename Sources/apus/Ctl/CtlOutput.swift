import Client
import FoundationEssentials

/// Prints the results of commands to standard output.
enum CtlOutput {
  /// Pretty-printed JSON with sorted keys.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Aligned columns under a header.
  static func table(_ table: TextTable) {
    for line in table.lines { print(line) }
  }

  /// `name  value` lines with aligned values.
  static func facts(_ facts: [(String, String)]) {
    let width = facts.map(\.0.count).max() ?? 0
    for (name, value) in facts {
      print("\(name)\(String(repeating: " ", count: width - name.count))  \(value)")
    }
  }

  /// The age of a store's last heartbeat, whose time is given in nanoseconds since 1970; 0 means never.
  static func age(_ nanoseconds: Int64) -> String {
    guard nanoseconds > 0 else { return "never" }
    let seconds = Date().timeIntervalSince1970 - Double(nanoseconds) / 1e9
    return "\(max(0, Int(seconds))) s ago"
  }

  /// A time in milliseconds since 1970, in UTC.
  static func time(_ milliseconds: UInt64) -> String {
    // Beyond the year 9999 there is no such text.
    let seconds = Double(min(milliseconds, 253_402_300_799_999)) / 1000
    return Date(timeIntervalSince1970: seconds).formatted(.iso8601)
  }

  /// A key as escaped text or in hexadecimal; `unbounded` for the empty key.
  static func key(_ key: [UInt8], unbounded: String, hex: Bool) -> String {
    if key.isEmpty { return unbounded }
    return hex ? KeyText.hex(key) : KeyText.escaped(key)
  }
}
