/// Sizes and durations as TiKV's configuration writes them.
package enum Quantity {
  /// Bytes of `"8MB"`, `"8MiB"`, `"512"`; K, M, G, T, P are powers of 1024 with and without the `i`.
  package static func bytes(_ text: String) -> UInt64? {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits), number >= 0 else { return nil }
    var unit = text.dropFirst(digits.count).drop { $0 == " " }.uppercased()[...]
    if unit.hasSuffix("IB") {
      unit = unit.dropLast(2)
    } else if unit.hasSuffix("B") {
      unit = unit.dropLast()
    }
    let powers: [Substring: Double] = ["": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5]
    guard let power = powers[unit] else { return nil }
    let bytes = (0..<Int(power)).reduce(number) { product, _ in product * 1024 }
    return bytes < 1e18 ? UInt64(bytes) : nil
  }

  /// A duration of `"1h30m"`, `"500ms"`, `"2.5s"`; units d, h, m, s, ms, us.
  package static func duration(_ text: String) -> Duration? {
    var rest = text[...]
    var total = Duration.zero
    if rest.isEmpty { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      guard let number = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      let seconds: [Substring: Double] = [
        "d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6,
      ]
      guard let scale = seconds[unit], number * scale < 1e9 else { return nil }
      total += .nanoseconds(Int64((number * scale * 1e9).rounded()))
    }
    return total
  }
}
