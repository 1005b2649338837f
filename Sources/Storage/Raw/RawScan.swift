import Codec

/// A scan over the keys of a range.
package struct RawScan: Sendable {
  /// Forward: the first key. Reverse: the key before which the scan starts. Empty: no bound.
  package var start: [UInt8]
  /// Forward: the key before which the scan ends. Reverse: the last key. Empty: no bound.
  package var end: [UInt8]
  /// The number of pairs after which the scan ends.
  package var limit: Int
  /// Whether values are returned empty.
  package var keyOnly: Bool
  package var isReverse: Bool

  package init(
    start: [UInt8] = [], end: [UInt8] = [], limit: Int, keyOnly: Bool = false,
    isReverse: Bool = false
  ) {
    self.start = start
    self.end = end
    self.limit = limit
    self.keyOnly = keyOnly
    self.isReverse = isReverse
  }

  /// The keys it may return.
  var range: KeyRange {
    isReverse ? KeyRange(start: end, end: start) : KeyRange(start: start, end: end)
  }

  /// The same scan over each range. An empty end means the start of the next range. Nil if a range is contrary to the
  /// direction of the scan.
  func over(_ ranges: [KeyRange]) -> [RawScan]? {
    var scans: [RawScan] = []
    scans.reserveCapacity(ranges.count)
    for (index, range) in ranges.enumerated() {
      var scan = self
      scan.start = range.start
      scan.end = range.end
      if scan.end.isEmpty, index + 1 < ranges.count { scan.end = ranges[index + 1].start }
      if !scan.end.isEmpty, !scan.start.isEmpty || !isReverse {
        let runsForward = precedes(scan.start, scan.end)
        guard scan.start != scan.end, runsForward != isReverse else { return nil }
      }
      scans.append(scan)
    }
    return scans
  }
}

extension KeyRange {
  /// The range from the first to the last of some keys; of one key it has equal bounds.
  init(coverOf keys: [[UInt8]]) {
    var (first, last) = (keys.first ?? [], keys.first ?? [])
    for key in keys {
      if precedes(key, first) { first = key }
      if precedes(last, key) { last = key }
    }
    self.init(start: first, end: last)
  }

  /// The range that some scans cover together.
  init(coverOf scans: [RawScan]) {
    var cover = scans.first?.range ?? KeyRange(start: [], end: [])
    for range in scans.dropFirst().map(\.range) {
      if precedes(range.start, cover.start) { cover.start = range.start }
      if range.end.isEmpty || (!cover.end.isEmpty && precedes(cover.end, range.end)) {
        cover.end = range.end
      }
    }
    self = cover
  }
}

extension RawScan {
  /// Refuses a scan that starts outside of the region: its client would take the response for all pairs of the region.
  /// The end may be outside: clients send bounds beyond the region, and the scan is cut to it.
  func checkStart(in region: KeyRange, _ context: RequestContext) throws(StorageError) {
    guard limit > 0 else { return }
    let isInside: Bool
    if isReverse && start.isEmpty {
      isInside = region.end.isEmpty
    } else {
      // Both bounds of the region are allowed, as in TiKV: a scan that starts at the last one returns nothing.
      isInside =
        !precedes(start, region.start) && (region.end.isEmpty || !precedes(region.end, start))
    }
    guard isInside else { throw .region(.keyNotInRegion(start, context.regionID, region)) }
  }
}
