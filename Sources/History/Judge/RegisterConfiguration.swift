/// How far a search has come, as the set of calls that it has placed: all before `base`, not `base`
/// itself, and those after it whose bit is set. Short windows need no allocation.
struct RegisterConfiguration: Hashable {
  var base: Int32
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  private var rest: [UInt64] = []

  init(base: Int32, through last: Int32, isPlaced: [Bool]) {
    self.base = base
    guard last > base else { return }
    for call in (base + 1)...last where isPlaced[Int(call)] {
      insert(Int(call - base - 1))
    }
  }

  private mutating func insert(_ bit: Int) {
    let mask: UInt64 = 1 << UInt64(bit & 63)
    switch bit >> 6 {
    case 0: low |= mask
    case 1: high |= mask
    case let word:
      while rest.count <= word - 2 { rest.append(0) }
      rest[word - 2] |= mask
    }
  }
}
