import Client
import FoundationEssentials

/// Output of commands.
enum CtlOutput {
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  static func table(_ table: TextTable) {
    for line in table.lines { print(line) }
  }

  /// `name  value` lines with the values under one another.
  static func facts(_ facts: [(String, String)]) {
    let width = facts.map(\.0.count).max() ?? 0
    for (name, value) in facts {
      print("\(name)\(String(repeating: " ", count: width - name.count))  \(value)")
    }
  }

  /// How long ago a store was heard of, given in nanoseconds since 1970.
  static func age(_ nanoseconds: Int64) -> String {
    guard nanoseconds > 0 else { return "never" }
    let seconds = Date().timeIntervalSince1970 - Double(nanoseconds) / 1e9
    return "\(max(0, Int(seconds))) s ago"
  }

  static func key(_ key: [UInt8], unbounded: String, hex: Bool) -> String {
    if key.isEmpty { return unbounded }
    return hex ? KeyText.hex(key) : KeyText.escaped(key)
  }
}
