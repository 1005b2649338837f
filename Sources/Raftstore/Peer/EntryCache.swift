import Collections
import Raft

/// The newest entries of one log, so that sending and applying them reads no disk.
///
/// Invariant: indexes ascend without a gap.
struct EntryCache {
  private var entries: Deque<Entry> = []
  private(set) var bytes = 0
  private let limit: Int
  private let unappliedLimit: Int

  /// - Parameters:
  ///   - limit: bytes kept of entries of which some are applied; those go, the oldest first.
  ///   - unappliedLimit: bytes kept of entries none of which is applied. The apply worker needs them, and what
  ///     a leader may have under way is less; but a follower that stores entries faster than it applies them
  ///     is bounded by nothing else.
  init(limit: Int, unappliedLimit: Int) {
    self.limit = limit
    self.unappliedLimit = max(limit, unappliedLimit)
  }

  var isEmpty: Bool { entries.isEmpty }
  var firstIndex: UInt64? { entries.first?.index }
  var lastIndex: UInt64? { entries.last?.index }

  /// Adds entries that follow, or replace, what is there from their first index on.
  ///
  /// - Parameter applied: the last applied index.
  mutating func append(_ new: [Entry], applied: UInt64) {
    guard let first = new.first else { return }
    if let head = firstIndex, let tail = lastIndex {
      if first.index <= head || first.index > tail + 1 {
        removeAll()
      } else {
        while let last = entries.last, last.index >= first.index {
          bytes -= Self.cost(last)
          entries.removeLast()
        }
      }
    }
    for entry in new { bytes += Self.cost(entry) }
    entries.append(contentsOf: new)
    trim(applied: applied)
  }

  /// Drops the oldest entries that the limits do not allow to keep.
  mutating func trim(applied: UInt64) {
    while bytes > limit, entries.count > 1, let oldest = entries.first,
      oldest.index <= applied || bytes > unappliedLimit
    {
      entries.removeFirst()
      bytes -= Self.cost(oldest)
    }
  }

  func term(at index: UInt64) -> UInt64? {
    guard let first = firstIndex, index >= first, index - first < UInt64(entries.count) else {
      return nil
    }
    return entries[Int(index - first)].term
  }

  /// Entries of `lo..<hi`, all of which must be here: the longest prefix of at most `maxSize` encoded
  /// bytes, but at least one.
  func slice(from lo: UInt64, to hi: UInt64, maxSize: UInt64) -> [Entry] {
    guard lo < hi, let first = firstIndex else { return [] }
    let start = Int(lo - first)
    let end = Int(hi - first)
    var size: UInt64 = 0
    var stop = start
    while stop < end {
      size += entries[stop].encodedSize
      if stop > start && size > maxSize { break }
      stop += 1
    }
    return Array(entries[start..<stop])
  }

  /// Forgets entries up to `index`: everyone has them.
  mutating func compact(to index: UInt64) {
    while let first = entries.first, first.index <= index {
      bytes -= Self.cost(first)
      entries.removeFirst()
    }
  }

  /// Frees the memory of a cache without entries.
  mutating func releaseBuffer() {
    if entries.isEmpty { entries = [] }
  }

  mutating func removeAll() {
    entries.removeAll()
    bytes = 0
  }

  private static func cost(_ entry: Entry) -> Int { entry.data.count + 64 }
}
