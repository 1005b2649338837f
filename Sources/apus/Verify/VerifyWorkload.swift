import History
import Runtime

/// The calls of one client, drawn from a seed: reads and writes of single keys, of batches and of ranges.
/// A few keys get most of the calls, so that calls conflict; every value is written at most once.
struct VerifyWorkload: Sendable {
  private let client: Int
  private let keys: VerifyKeys
  private var random: SplitMix64
  private var written = 0

  init(seed: UInt64, client: Int, keys: VerifyKeys) {
    self.client = client
    self.keys = keys
    var mixed = SplitMix64(seed: seed)
    let salt = mixed.next()
    random = SplitMix64(seed: salt &+ UInt64(client) &* 0xD134_2543_DE82_EF95)
  }

  /// The next call. The weights are in thousandths.
  mutating func next() -> Call {
    switch Int.random(in: 0..<1000, using: &random) {
    case ..<330: .get(key: key())
    case ..<640: .put(key: key(), value: value())
    case ..<710: .delete(key: key())
    case ..<790: .batchGet(keys: severalKeys())
    case ..<870: batchPut()
    case ..<890: .batchDelete(keys: severalKeys())
    case ..<995: scan()
    default: deleteRange()
    }
  }

  /// The cube of a uniform draw: of a hundred keys the first gets a fifth of the calls.
  private mutating func number() -> Int {
    let draw = Double.random(in: 0..<1, using: &random)
    return min(keys.count - 1, Int(draw * draw * draw * Double(keys.count)))
  }

  private mutating func key() -> [UInt8] { keys.key(number()) }

  /// Names its client and a counter, so that a read's value identifies the write.
  private mutating func value() -> [UInt8] {
    written += 1
    return Array("\(client)-\(written)".utf8)
  }

  /// Up to eight different keys.
  private mutating func severalKeys() -> [[UInt8]] {
    let wanted = Int.random(in: 2...8, using: &random)
    var numbers: [Int] = []
    for _ in 0..<wanted {
      let number = number()
      if !numbers.contains(number) { numbers.append(number) }
    }
    return numbers.map(keys.key)
  }

  private mutating func batchPut() -> Call {
    var pairs: [Pair] = []
    for key in severalKeys() { pairs.append(Pair(key: key, value: value())) }
    return .batchPut(pairs: pairs)
  }

  /// A scan in either direction, with a limit that may be above or below the number of keys in the range.
  private mutating func scan() -> Call {
    let first = number()
    let span = Int.random(in: 1...max(1, keys.count / 2), using: &random)
    return .scan(
      start: keys.key(first), end: keys.key(min(keys.count, first + span)),
      limit: Int.random(in: 1...20, using: &random), isReverse: Bool.random(using: &random))
  }

  /// Removes at most a tenth of the keys.
  private mutating func deleteRange() -> Call {
    let first = Int.random(in: 0..<keys.count, using: &random)
    let span = Int.random(in: 1...max(1, keys.count / 10), using: &random)
    return .deleteRange(
      start: keys.key(first), end: keys.key(min(keys.count, first + span)))
  }
}
