import Runtime

/// Sizes and durations in the text form of TiKV's configuration. Parsing is exact and returns nil for text that
/// is malformed or whose value is too large to represent.
package enum Quantity {
  /// The bytes of `"8MB"`, `"8MiB"`, `"512"` or `"1.5GB"`. K, M, G, T and P are powers of 1024, with and without
  /// the `i`. Fractions of a byte are dropped.
  package static func bytes(_ text: String) -> UInt64? {
    var rest = Array(text.utf8)[...]
    guard let number = Decimal(&rest) else { return nil }
    while rest.first == UInt8(ascii: " ") { rest.removeFirst() }
    var unit = String(decoding: rest, as: UTF8.self).uppercased()[...]
    if unit.hasSuffix("IB"), unit.count == 3 {
      unit = unit.dropLast(2)
    } else if unit.hasSuffix("B") {
      unit = unit.dropLast()
    }
    let shifts: [Substring: UInt64] = ["": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50]
    guard let shift = shifts[unit] else { return nil }
    return number.times(1 << shift)
  }

  /// The duration of `"1h30m"`, `"500ms"` or `"2.5s"`. The units are d, h, m, s, ms and us, each at most once and
  /// larger ones first. Fractions of a nanosecond are dropped.
  package static func duration(_ text: String) -> Duration? {
    let units: [(name: String, nanoseconds: UInt64)] = [
      ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
      ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
    ]
    var rest = Array(text.utf8)[...]
    var total: UInt64 = 0
    var next = 0
    repeat {
      guard let number = Decimal(&rest) else { return nil }
      let name = String(decoding: rest.prefix { !isDigitOrPoint($0) }, as: UTF8.self)
      rest = rest.dropFirst(name.utf8.count)
      guard let index = units.firstIndex(where: { $0.name == name }), index >= next,
        let part = number.times(units[index].nanoseconds)
      else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(part)
      guard !overflow else { return nil }
      total = sum
      next = index + 1
    } while !rest.isEmpty
    return Int64(exactly: total).map { .nanoseconds($0) }
  }

  /// The number of `"0.25"` or `"3"`: digits with at most one point, and no sign or exponent.
  package static func ratio(_ text: String) -> Double? {
    var rest = Array(text.utf8)[...]
    guard let number = Decimal(&rest), rest.isEmpty, let billionths = number.times(1_000_000_000)
    else { return nil }
    return Double(billionths) / 1e9
  }

  /// The text of a size, in the largest unit that is exact: `"8MiB"`, `"1000B"`.
  package static func text(bytes: UInt64) -> String {
    var value = bytes
    var unit = "B"
    for name in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1024 && value % 1024 == 0 {
      value /= 1024
      unit = name
    }
    return "\(value)\(unit)"
  }

  /// The text of a duration, in the largest unit that is exact: `"90s"`, `"2h"`.
  package static func text(_ duration: Duration) -> String {
    let nanoseconds = duration.asNanoseconds
    let units: [(name: String, nanoseconds: Int64)] = [
      ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
      ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
    ]
    for unit in units where nanoseconds != 0 && nanoseconds % unit.nanoseconds == 0 {
      return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
    }
    return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
  }

  /// Whether the byte belongs to a number.
  static func isDigitOrPoint(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// A number of ASCII digits with an optional decimal point. Nine decimals are used, further ones are dropped.
  private struct Decimal {
    private static let scale: UInt64 = 1_000_000_000
    private var whole: UInt64 = 0
    /// Billionths.
    private var part: UInt64 = 0

    /// Removes the number from the beginning of `text`; nil if there is none.
    init?(_ text: inout ArraySlice<UInt8>) {
      let digits = text.prefix { Quantity.isDigitOrPoint($0) }
      text = text.dropFirst(digits.count)
      let pieces = digits.split(
        separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
      guard !pieces[0].isEmpty, let whole = UInt64(String(decoding: pieces[0], as: UTF8.self))
      else { return nil }
      self.whole = whole
      guard pieces.count == 2 else { return }
      guard !pieces[1].isEmpty, !pieces[1].contains(UInt8(ascii: ".")) else { return nil }
      var weight = Self.scale / 10
      for digit in pieces[1].prefix(9) {
        part += UInt64(digit - UInt8(ascii: "0")) * weight
        weight /= 10
      }
    }

    /// The product, rounded down; nil if it overflows.
    func times(_ unit: UInt64) -> UInt64? {
      let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
      let wide = part.multipliedFullWidth(by: unit)
      // `part` is below `scale`, so the quotient is below `unit`.
      let fraction = Self.scale.dividingFullWidth(wide).quotient
      let (sum, sumOverflow) = product.addingReportingOverflow(fraction)
      return overflow || sumOverflow ? nil : sum
    }
  }
}
