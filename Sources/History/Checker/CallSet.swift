/// A set of calls on a register: all before a base, not the base, and some after it. A bit set of which the words from
/// that of the base on are stored, the first two without an allocation: enough for the concurrent calls of dozens of
/// clients.
struct CallSet: Hashable {
  private let firstWord: Int32
  private var low: UInt64
  private var high: UInt64 = 0
  private var rest: [UInt64] = []

  /// All calls before `base`.
  init(before base: Int32) {
    firstWord = base >> 6
    low = (1 << UInt64(base & 63)) - 1
  }

  /// Adds a call that is not before the base.
  mutating func insert(_ call: Int32) {
    let mask: UInt64 = 1 << UInt64(call & 63)
    switch Int(call >> 6 - firstWord) {
    case 0: low |= mask
    case 1: high |= mask
    case let word:
      while rest.count <= word - 2 { rest.append(0) }
      rest[word - 2] |= mask
    }
  }

  func isSubset(of other: CallSet) -> Bool {
    let shift = Int(other.firstWord) - Int(firstWord)
    // `other` lacks its base, which is before the base of this set and so in it.
    if shift < 0 { return false }
    return (shift..<max(shift, 2 + rest.count)).allSatisfy { word in
      self[word] & ~other[word - shift] == 0
    }
  }

  private subscript(word: Int) -> UInt64 {
    switch word {
    case 0: low
    case 1: high
    default: word - 2 < rest.count ? rest[word - 2] : 0
    }
  }
}
