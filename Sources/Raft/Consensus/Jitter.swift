/// The generator of election jitter (SplitMix64): equal seeds give equal elections.
struct Jitter {
  private var state: UInt64

  init(seed: UInt64, id: UInt64) {
    state = seed ^ (id &* 0x9e37_79b9_7f4a_7c15)
  }

  /// A number in `0..<bound`.
  mutating func next(below bound: Int) -> Int {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    mixed ^= mixed >> 31
    return Int(mixed.multipliedFullWidth(by: UInt64(bound)).high)
  }
}
