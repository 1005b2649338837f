import Codec
import Engine

/// Visits all entries of a region in the order of their keys, over all data families, and finds split keys.
///
/// It reads one state of the engine, a part at a time, and leaves the block cache alone. Only entries of the write
/// family count as keys: those are the versions of rows, as in TiKV. Raw data has none.
struct SplitScan {
  private struct Source {
    let family: ColumnFamily
    let cursor: any KVCursor
    /// The key that it is at; nil at its end.
    var key: [UInt8]?

    init(_ family: ColumnFamily, _ cursor: any KVCursor) {
      self.family = family
      self.cursor = cursor
      cursor.seekToFirst()
      key = cursor.isValid ? cursor.key : nil
    }

    mutating func next() {
      cursor.next()
      key = cursor.isValid ? cursor.key : nil
    }
  }

  private var sources: [Source] = []
  private var bySize: SplitKeysByAmount?
  private var byKeys: SplitKeysByAmount?
  private var middle: MiddleKey?
  /// What was visited so far.
  private(set) var visited = RangeSize()
  /// Whether all entries were visited, so that `visited` is the size of the region.
  private(set) var isComplete = false

  /// A scan for the middle of the region.
  static func forMiddle(
    of range: KeyRange, in reader: any KVReader
  ) throws(EngineError) -> SplitScan {
    var scan = try SplitScan(range, reader)
    scan.middle = MiddleKey()
    return scan
  }

  /// A scan for parts of limited size. `estimate` decides which limits are looked at: those that the region has
  /// reached by it.
  static func forLimits(
    _ limits: SplitLimits, _ estimate: RangeSize, of range: KeyRange, in reader: any KVReader
  ) throws(EngineError) -> SplitScan {
    var scan = try SplitScan(range, reader)
    let most = SplitConfig.maxKeysInStep
    if estimate.bytes >= limits.maxSize {
      scan.bySize = SplitKeysByAmount(part: limits.size, max: limits.maxSize, limit: most)
    }
    if estimate.keys >= limits.maxKeys {
      scan.byKeys = SplitKeysByAmount(part: limits.keys, max: limits.maxKeys, limit: most)
    }
    return scan
  }

  private init(_ range: KeyRange, _ reader: any KVReader) throws(EngineError) {
    for family in ColumnFamily.data {
      let cursor = try reader.cursor(
        family, from: range.start, to: range.end.isEmpty ? nil : range.end, fillCache: false)
      sources.append(Source(family, cursor))
    }
  }

  /// Visits entries of about `bytes`. Returns true once the result is known.
  mutating func visit(_ bytes: UInt64) throws(EngineError) -> Bool {
    let end = visited.bytes + bytes
    while visited.bytes < end {
      guard let next = nextSource, let key = sources[next].key else {
        for source in sources { try source.cursor.finish() }
        isComplete = true
        return true
      }
      let valueSize = sources[next].cursor.withValue { $0.byteCount }
      let isRow = sources[next].family == .write
      if count(key, UInt64(key.count + valueSize), isRow: isRow) { return true }
      sources[next].next()
    }
    return false
  }

  /// The source with the lowest key.
  private var nextSource: Int? {
    var best: Int?
    for index in sources.indices {
      guard let key = sources[index].key else { continue }
      if let best, let lowest = sources[best].key, !precedes(key, lowest) { continue }
      best = index
    }
    return best
  }

  private mutating func count(_ key: [UInt8], _ size: UInt64, isRow: Bool) -> Bool {
    visited.bytes += size
    if isRow { visited.keys += 1 }
    middle?.add(key, size)
    if bySize?.add(key, size) == true { return true }
    return isRow && byKeys?.add(key, 1) == true
  }

  /// The split keys found, ascending: as the engine has them, with the timestamps of versions.
  var splitKeys: [[UInt8]] {
    if let key = middle?.result { return [key] }
    if let keys = bySize?.result, !keys.isEmpty { return keys }
    return byKeys?.result ?? []
  }
}
