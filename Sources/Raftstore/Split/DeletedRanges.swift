import Codec

/// Ranges that were deleted at once, in order of their keys. Those that touch are one.
struct DeletedRanges {
  private(set) var ranges: [KeyRange] = []

  /// Ranges that are kept at most; further ones are forgotten.
  private static let capacity = 4096

  /// Does nothing if the range is empty.
  mutating func insert(_ range: KeyRange) {
    guard !range.isEmpty else { return }
    var merged = range
    // Those that end below it, and those that start above it, stay as they are.
    let first = index { !$0.end.isEmpty && precedes($0.end, range.start) }
    let last = index { range.end.isEmpty || !precedes(range.end, $0.start) }
    if first < last {
      merged.start = precedes(ranges[first].start, range.start) ? ranges[first].start : range.start
      let end = ranges[last - 1].end
      merged.end = end.isEmpty || (!range.end.isEmpty && precedes(range.end, end)) ? end : range.end
    } else if ranges.count >= Self.capacity {
      return
    }
    ranges.replaceSubrange(first..<max(first, last), with: [merged])
  }

  mutating func removeAll() { ranges.removeAll() }

  /// How many ranges `isBefore` holds for: they come first.
  private func index(where isBefore: (KeyRange) -> Bool) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(ranges[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
