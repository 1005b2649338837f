import Codec
import Engine

/// A walk over the keys of a range.
package struct RawScan: Sendable {
  /// Forward: the first key. Reverse: the key before which the walk starts. Empty: no bound.
  package var start: [UInt8]
  /// Forward: the key before which the walk ends. Reverse: the last key. Empty: no bound.
  package var end: [UInt8]
  package var limit: Int
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

  /// The keys it may yield.
  private var range: KeyRange {
    isReverse ? KeyRange(start: end, end: start) : KeyRange(start: start, end: end)
  }

  /// Adds the pairs to `reply`. Bounds beyond the region are cut to it: clients send them.
  func run(
    _ reader: any KVReader, _ family: ColumnFamily, within region: KeyRange,
    into reply: inout ReplyPairs
  ) throws(StorageError) {
    let range = range.intersect(region)
    guard limit > 0, !range.isEmpty else { return }
    let cursor = try Self.cursor(reader, family, over: range)
    try run(cursor, within: range, into: &reply)
  }

  /// A cursor that walks over `range`, and may serve several scans within it: making one costs more than
  /// moving it.
  static func cursor(
    _ reader: any KVReader, _ family: ColumnFamily, over range: KeyRange
  ) throws(StorageError) -> any KVCursor {
    try RawCommands.engine { () throws(EngineError) in
      try reader.cursor(
        family, from: range.start.isEmpty ? nil : range.start,
        to: range.end.isEmpty ? nil : range.end, fillCache: true)
    }
  }

  /// As above, on a cursor over `region` or more of it.
  func run(
    _ cursor: any KVCursor, within region: KeyRange, into reply: inout ReplyPairs
  ) throws(StorageError) {
    let range = range.intersect(region)
    guard limit > 0, !range.isEmpty else { return }
    if !isReverse {
      cursor.seek(range.start)
    } else if range.end.isEmpty {
      cursor.seekToLast()
    } else {
      cursor.seekForPrev(range.end)
      if cursor.isValid, cursor.key == range.end { cursor.prev() }
    }
    var left = limit
    while cursor.isValid {
      let key = cursor.key
      guard range.contains(key) else { return }
      try reply.append(KeyValue(key: key, value: keyOnly ? [] : cursor.value))
      left -= 1
      if left == 0 { return }
      if isReverse { cursor.prev() } else { cursor.next() }
    }
    try RawCommands.engine { () throws(EngineError) in try cursor.finish() }
  }

  /// The same walk over each range. An open end means the start of the next range. Nil when a
  /// range runs against the direction of the walk.
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
