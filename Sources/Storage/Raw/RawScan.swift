import Codec
import Engine

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

/// Scans one after another, cut to a region: clients send bounds beyond it.
///
/// All use one cursor: creating one costs more than a seek. A piece of work is a seek with a few steps. The engine
/// skips deleted keys within one step, which cannot be divided.
struct ScanPieces: ReadPieces {
  private static let pairsPerPiece = 64
  private static let bytesPerPiece = 256 << 10

  private let reader: any KVReader
  private let family: ColumnFamily
  private let scans: [RawScan]
  private let region: KeyRange
  /// The range of the cursor.
  private let reach: KeyRange
  private var begun = 0
  private var cursor: (any KVCursor)?
  /// The scan in progress, its range, and the number of pairs it may still return.
  private var current: (scan: RawScan, range: KeyRange, left: Int)?

  init(
    _ reader: any KVReader, _ family: ColumnFamily, _ scans: [RawScan], within region: KeyRange
  ) {
    self.reader = reader
    self.family = family
    self.scans = scans
    self.region = region
    reach = scans.count == 1 ? scans[0].range.intersect(region) : region
  }

  mutating func next(_ reply: inout ReplyPairs) throws(StorageError) -> Bool {
    if current == nil {
      guard begun < scans.count else { return false }
      let scan = scans[begun]
      begun += 1
      let range = scan.range.intersect(region)
      guard scan.limit > 0, !range.isEmpty else { return true }
      Self.seek(try openCursor(), scan, range)
      current = (scan, range, scan.limit)
    }
    try readPairs(&reply)
    return true
  }

  private mutating func openCursor() throws(StorageError) -> any KVCursor {
    if let cursor { return cursor }
    let opened = try RawCommands.engine { () throws(EngineError) in
      try reader.cursor(
        family, from: reach.start.isEmpty ? nil : reach.start,
        to: reach.end.isEmpty ? nil : reach.end, fillCache: true)
    }
    cursor = opened
    return opened
  }

  private static func seek(_ cursor: any KVCursor, _ scan: RawScan, _ range: KeyRange) {
    if !scan.isReverse {
      cursor.seek(range.start)
    } else if range.end.isEmpty {
      cursor.seekToLast()
    } else {
      cursor.seekForPrev(range.end)
      if cursor.isValid, cursor.key == range.end { cursor.prev() }
    }
  }

  /// Reads pairs until the scan or the piece ends.
  private mutating func readPairs(_ reply: inout ReplyPairs) throws(StorageError) {
    guard let cursor, let (scan, range, most) = current else { return }
    var left = most
    let (lastLeft, lastBytes) = (most - Self.pairsPerPiece, reply.bytes + Self.bytesPerPiece)
    while cursor.isValid {
      let key = cursor.key
      guard range.contains(key) else {
        current = nil
        return
      }
      if left <= lastLeft || reply.bytes >= lastBytes {
        current?.left = left
        return
      }
      try reply.append(KeyValue(key: key, value: scan.keyOnly ? [] : cursor.value))
      left -= 1
      if left == 0 {
        current = nil
        return
      }
      if scan.isReverse { cursor.prev() } else { cursor.next() }
    }
    current = nil
    try RawCommands.engine { () throws(EngineError) in try cursor.finish() }
  }
}

/// Lookups of many keys, some at a time, so that a response above the limit is detected before all of it is in memory.
struct LookupPieces: ReadPieces {
  private static let keysPerPiece = 64

  private let reader: any KVReader
  private let family: ColumnFamily
  private var rest: ArraySlice<[UInt8]>

  init(_ reader: any KVReader, _ family: ColumnFamily, _ keys: [[UInt8]]) {
    self.reader = reader
    self.family = family
    rest = keys[...]
  }

  mutating func next(_ reply: inout ReplyPairs) throws(StorageError) -> Bool {
    guard !rest.isEmpty else { return false }
    let some = Array(rest.prefix(Self.keysPerPiece))
    rest = rest.dropFirst(some.count)
    let values = try RawCommands.engine { () throws(EngineError) in
      try reader.multiGet(family, some)
    }
    for (key, value) in zip(some, values) {
      if let value { try reply.append(KeyValue(key: key, value: value)) }
    }
    return true
  }
}
