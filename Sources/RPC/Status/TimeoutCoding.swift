import NIOCore

/// The `grpc-timeout` header: at most eight digits and a unit.
enum TimeoutCoding {
  /// Nil if malformed.
  static func decode(_ bytes: Span<UInt8>) -> TimeAmount? {
    guard bytes.count >= 2, bytes.count <= 9 else { return nil }
    var value: Int64 = 0
    for index in 0..<(bytes.count - 1) {
      let byte = bytes[index]
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    let unit: Int64
    switch bytes[bytes.count - 1] {
    case UInt8(ascii: "H"): unit = 3_600_000_000_000
    case UInt8(ascii: "M"): unit = 60_000_000_000
    case UInt8(ascii: "S"): unit = 1_000_000_000
    case UInt8(ascii: "m"): unit = 1_000_000
    case UInt8(ascii: "u"): unit = 1_000
    case UInt8(ascii: "n"): unit = 1
    default: return nil
    }
    let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: unit)
    return .nanoseconds(overflow ? .max : nanoseconds)
  }

  /// The finest unit that fits eight digits; rounds up, so that the peer never gets a shorter deadline.
  static func encode(_ timeout: TimeAmount) -> [UInt8] {
    let nanoseconds = max(timeout.nanoseconds, 1)
    let units: [(Int64, String)] = [
      (1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"),
    ]
    for (unit, name) in units {
      let value = nanoseconds / unit + (nanoseconds % unit == 0 ? 0 : 1)
      if value <= 99_999_999 { return Array("\(value)\(name)".utf8) }
    }
    return Array("\(min(nanoseconds / 3_600_000_000_000 + 1, 99_999_999))H".utf8)
  }
}
