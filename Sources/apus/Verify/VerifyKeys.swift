/// The keys that a run uses: a prefix of its own and a number.
struct VerifyKeys: Sendable {
  let prefix: [UInt8]
  let count: Int

  /// - Parameter prefix: ends with `/`, and no one else's keys start with it.
  init(prefix: String, count: Int) {
    self.prefix = Array(prefix.utf8)
    self.count = count
  }

  /// Keys sort as their numbers do. `key(count)` is above all of them.
  func key(_ number: Int) -> [UInt8] {
    let digits = Array(String(number).utf8)
    let width = String(count).utf8.count
    return prefix + [UInt8](repeating: UInt8(ascii: "0"), count: max(0, width - digits.count))
      + digits
  }

  /// The end of the range that holds every key with the prefix.
  var end: [UInt8] { prefix.dropLast() + [UInt8(ascii: "/") + 1] }
}
