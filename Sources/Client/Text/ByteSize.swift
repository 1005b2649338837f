/// Text of sizes, for people.
package enum ByteSize {
  /// A size in the largest binary unit below it, with one decimal below 100: `512 B`, `39.1 GiB`.
  package static func text(_ bytes: UInt64) -> String {
    guard bytes >= 1024 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = ""
    for name in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] where value >= 1024 {
      value /= 1024
      unit = name
    }
    let tenths = Int((value * 10).rounded())
    return value >= 100 ? "\((tenths + 5) / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
  }
}
