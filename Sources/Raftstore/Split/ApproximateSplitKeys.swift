import Codec
import Engine

/// Split keys of a region that is too large to be scanned: found by bisection, from the sizes that the engine estimates
/// for ranges.
///
/// A part is as large as the engine's estimate says, which ignores what is in memory and is exact to about a block. The
/// work depends on the number of keys wanted, not on the size of the region.
struct ApproximateSplitKeys {
  private let engine: any KVEngine
  private let range: KeyRange
  /// Above every key of the range.
  private let end: [UInt8]

  /// Halvings after which a key is taken as it is: each of them takes a bit off the distance.
  private static let maxHalvings = 512
  /// The tolerated deviation, as a part of the size that is looked for.
  private static let tolerance: UInt64 = 64

  init(of range: KeyRange, in engine: any KVEngine) {
    self.engine = engine
    self.range = range
    end = range.end.isEmpty ? DataKeySpace.end : range.end
  }

  /// How many keys a region of that size gets: TiKV's rule.
  static func count(for size: UInt64, _ limits: SplitLimits) -> Int {
    guard size >= limits.maxSize else { return 0 }
    let rounded = (size + limits.size / 2) / limits.size
    let most = UInt64(SplitConfig.maxKeysInStep)
    return Int(min(max(rounded - min(rounded, 1), size / limits.maxSize), most))
  }

  /// Keys that divide the range into `count + 1` parts of about the same size, ascending. Each is a key of the engine.
  /// Fewer if keys are too large for that.
  func keys(_ count: Int) throws(EngineError) -> [[UInt8]] {
    let whole = try size(to: end)
    var found: [[UInt8]] = []
    for number in 1...max(1, count) where count > 0 {
      let wanted = whole / UInt64(count + 1) * UInt64(number)
      guard let key = try firstKey(from: try bound(of: wanted, from: found.last ?? range.start))
      else { break }
      if precedes(found.last ?? range.start, key), range.contains(key) { found.append(key) }
    }
    return found
  }

  /// A bound in front of which about so many bytes are.
  private func bound(of wanted: UInt64, from start: [UInt8]) throws(EngineError) -> [UInt8] {
    var (low, high) = (start, end)
    let tolerated = wanted / Self.tolerance
    for _ in 0..<Self.maxHalvings {
      let middle = Self.middle(low, high)
      guard precedes(low, middle), precedes(middle, high) else { break }
      let size = try size(to: middle)
      if size > wanted + tolerated {
        high = middle
      } else if size + tolerated < wanted {
        low = middle
      } else {
        return middle
      }
    }
    return high
  }

  private func size(to key: [UInt8]) throws(EngineError) -> UInt64 {
    var sum: UInt64 = 0
    for family in ColumnFamily.data {
      sum += try engine.approximateSize(family, from: range.start, to: key)
    }
    return sum
  }

  /// The lowest key at or above a bound, in any data family.
  private func firstKey(from bound: [UInt8]) throws(EngineError) -> [UInt8]? {
    var first: [UInt8]?
    let view = engine.snapshot()
    for family in ColumnFamily.data {
      let cursor = try view.cursor(family, from: bound, to: end, fillCache: false)
      cursor.seekToFirst()
      if cursor.isValid {
        let key = cursor.key
        if first.map({ precedes(key, $0) }) ?? true { first = key }
      }
      try cursor.finish()
    }
    return first
  }

  /// A key about halfway between two, as numbers with digits to the base 256: the half of their sum, with one more digit
  /// than the longer one.
  static func middle(_ low: [UInt8], _ high: [UInt8]) -> [UInt8] {
    let count = max(low.count, high.count) + 1
    var digits = [UInt8](repeating: 0, count: count)
    var carry = 0
    // The sum, from the last digit; its first carry is the ninth bit of the first digit.
    for place in (0..<count).reversed() {
      let sum =
        (place < low.count ? Int(low[place]) : 0) + (place < high.count ? Int(high[place]) : 0)
        + carry
      digits[place] = UInt8(sum & 0xFF)
      carry = sum >> 8
    }
    for place in 0..<count {
      let value = carry << 8 | Int(digits[place])
      digits[place] = UInt8(value >> 1)
      carry = value & 1
    }
    while digits.last == 0 { digits.removeLast() }
    return digits
  }
}
