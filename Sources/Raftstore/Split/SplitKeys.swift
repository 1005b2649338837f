import Codec

/// Finds the keys that divide a region into parts of about the same amount, while its keys are visited in order.
///
/// The amount is bytes or keys. What is left behind the last key may be larger than a part, up to `max`, so that a
/// region that has just been split is not at once too small or too large.
struct SplitKeysByAmount {
  /// The amount that a part before a split key has: more than this only by its last entry.
  private let part: UInt64
  /// A region with less is not split.
  private let max: UInt64
  private let limit: Int
  private var keys: [[UInt8]] = []
  /// The amount behind the last split key, with that key's own.
  private var rest: UInt64 = 0

  /// - Parameter limit: most keys that are wanted.
  init(part: UInt64, max: UInt64, limit: Int) {
    self.part = part
    self.max = max
    self.limit = limit
  }

  /// Counts the next entry. Returns true if what follows cannot change the result.
  mutating func add(_ key: [UInt8], _ amount: UInt64) -> Bool {
    let before = rest
    rest += amount
    // A part has one entry at least, however large that is.
    if rest > part, before > 0, keys.count < limit {
      keys.append(key)
      rest = amount
    }
    return keys.count >= limit && rest + part >= max
  }

  /// The keys; none if the amount of the region is below `max`.
  var result: [[UInt8]] {
    rest + part < max ? keys.dropLast() : keys
  }
}

/// Finds the key in the middle of a region's bytes, while its entries are visited in order. Its memory is bounded.
struct MiddleKey {
  private struct Mark {
    var key: [UInt8]
    /// Bytes of the entries before the key.
    var before: UInt64
  }

  private static let maxMarks = 4096

  private var marks: [Mark] = []
  /// Least bytes between two marks.
  private var distance: UInt64 = 0
  private var total: UInt64 = 0

  mutating func add(_ key: [UInt8], _ size: UInt64) {
    if total >= (marks.last?.before ?? 0) + distance {
      marks.append(Mark(key: key, before: total))
    }
    total += size
    if marks.count > Self.maxMarks { thin() }
  }

  private mutating func thin() {
    distance = total / UInt64(Self.maxMarks / 2)
    var kept: [Mark] = []
    for mark in marks where mark.before >= (kept.last?.before ?? 0) + distance {
      kept.append(mark)
    }
    marks = kept
  }

  /// The first mark behind the middle, else the last one; nil if there are not two entries.
  var result: [UInt8]? {
    let inner = marks.filter { $0.before > 0 }
    return (inner.first { $0.before >= total - $0.before } ?? inner.last)?.key
  }
}
