import FoundationEssentials
import NIOCore

/// How PD writes values in JSON.
enum PDJSON {
  static func encode(_ value: some Encodable) throws -> ByteBuffer {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return ByteBuffer(bytes: try encoder.encode(value))
  }

  /// A size with a unit, in four digits: `9.766GiB`.
  static func size(_ bytes: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    let decimals = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = UInt64((value * scale).rounded())
    let whole = "\(scaled / UInt64(scale))"
    var fraction = String("\(UInt64(scale) + scaled % UInt64(scale))".dropFirst())
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return whole + (fraction.isEmpty ? "" : "." + fraction) + units[unit]
  }

  /// A span of time as Go writes it: `1h2m3.5s`.
  static func duration(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else { return "0s" }
    let milliseconds = attoseconds / 1_000_000_000_000_000
    var text = ""
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
    text += "\(seconds % 60)"
    if milliseconds > 0 {
      var fraction = String("\(1000 + milliseconds)".dropFirst())
      while fraction.hasSuffix("0") { fraction.removeLast() }
      text += "." + fraction
    }
    return text + "s"
  }

  /// A moment as RFC 3339 writes it, in UTC.
  static func time(secondsSince1970 seconds: Int64) -> String {
    // Beyond the year 9999 there is no such text.
    let bounded = min(max(seconds, 0), 253_402_300_799)
    return Date(timeIntervalSince1970: TimeInterval(bounded)).formatted(.iso8601)
  }
}

/// An object whose keys are known only when it is written.
struct JSONObject: Encodable, Sendable {
  struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  var members: [(name: String, value: any Encodable & Sendable)]

  init(_ members: [(String, any Encodable & Sendable)]) {
    self.members = members.map { (name: $0.0, value: $0.1) }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for member in members {
      try container.encode(member.value, forKey: Key(stringValue: member.name))
    }
  }
}
