/// The keys of a run: a prefix unique to the run, and a number.
struct VerifyKeys: Sendable {
  /// Ends with `/`.
  let prefix: [UInt8]
  let count: Int

  /// - Parameters:
  ///   - prefix: ends with `/`, and no other keys of the cluster start with it.
  ///   - count: keys are numbered from 0 up to `count`, exclusive.
  init(prefix: String, count: Int) {
    self.prefix = Array(prefix.utf8)
    self.count = count
  }

  /// The key of a number. Keys sort as their numbers do; `key(count)` sorts after all of them.
  func key(_ number: Int) -> [UInt8] {
    let digits = Array(String(number).utf8)
    let width = String(count).utf8.count
    return prefix + [UInt8](repeating: UInt8(ascii: "0"), count: max(0, width - digits.count))
      + digits
  }

  /// The exclusive end of the range of all keys with the prefix.
  var end: [UInt8] { prefix.dropLast() + [UInt8(ascii: "/") + 1] }
}
