import Codec
import Engine

/// The result of a scan while it is collected.
protocol ScanReply: ReadReply {
  /// Adds the pair at the cursor's position.
  ///
  /// - Returns: the bytes that were read; nil if the value has expired: the pair is skipped.
  mutating func take(
    _ cursor: any KVCursor, _ key: [UInt8], _ values: RawValues, keyOnly: Bool
  ) throws(StorageError) -> Int?
}

/// Scans one after another, cut to a region: clients send bounds beyond it.
///
/// All use one cursor: creating one costs more than a seek. A piece of work is a seek with a few steps. The engine
/// skips deleted keys within one step, which cannot be divided.
struct ScanPieces<Reply: ScanReply>: ReadPieces {
  private static var stepsPerPiece: Int { 64 }
  private static var bytesPerPiece: Int { 256 << 10 }

  private let view: RawView
  private let scans: [RawScan]
  /// The range of the cursor.
  private let reach: KeyRange
  private var begun = 0
  private var cursor: (any KVCursor)?
  /// The scan in progress, its range, and the number of pairs it may still return.
  private var current: (scan: RawScan, range: KeyRange, left: Int)?

  init(_ view: RawView, _ scans: [RawScan]) {
    self.view = view
    self.scans = scans
    reach = scans.count == 1 ? scans[0].range.intersect(view.range) : view.range
  }

  mutating func next(_ reply: inout Reply) throws(StorageError) -> Bool {
    if current == nil {
      guard begun < scans.count else { return false }
      let scan = scans[begun]
      begun += 1
      let range = scan.range.intersect(view.range)
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
      try view.reader.cursor(
        view.family, from: reach.start.isEmpty ? nil : reach.start,
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

  /// Reads pairs until the scan or the piece ends. An expired pair counts as a step.
  private mutating func readPairs(_ reply: inout Reply) throws(StorageError) {
    guard let cursor, let (scan, range, most) = current else { return }
    var left = most
    var (steps, bytes) = (0, 0)
    while cursor.isValid {
      let key = cursor.key
      guard range.contains(key) else {
        current = nil
        return
      }
      if steps >= Self.stepsPerPiece || bytes >= Self.bytesPerPiece {
        current?.left = left
        return
      }
      steps += 1
      if let size = try reply.take(cursor, key, view.values, keyOnly: scan.keyOnly) {
        bytes += size
        left -= 1
        if left == 0 {
          current = nil
          return
        }
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

  private let view: RawView
  private var rest: ArraySlice<[UInt8]>

  init(_ view: RawView, _ keys: [[UInt8]]) {
    self.view = view
    rest = keys[...]
  }

  mutating func next(_ reply: inout ReplyPairs) throws(StorageError) -> Bool {
    guard !rest.isEmpty else { return false }
    let some = Array(rest.prefix(Self.keysPerPiece))
    rest = rest.dropFirst(some.count)
    let stored = try RawCommands.engine { () throws(EngineError) in
      try view.reader.multiGet(view.family, some)
    }
    for (key, stored) in zip(some, stored) {
      guard let stored, let value = try view.values.live(stored, of: key) else { continue }
      try reply.append(KeyValue(key: key, value: value))
    }
    return true
  }
}
