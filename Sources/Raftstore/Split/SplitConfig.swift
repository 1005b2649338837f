import Runtime

/// When regions are split, and how. Names and defaults are TiKV's.
package struct SplitConfig: Sendable {
  /// A region that is split keeps the right-most part under its id, and the new regions lie on its left; if
  /// false, the other way round. Whoever requests a split decides by this, and clients with old routes are
  /// told of the neighbors on that side.
  package var rightDerive = true
  /// How often a leader considers to measure its region.
  package var checkInterval: Duration = .seconds(10)
  /// Bytes written to a region since it was measured, after which it is measured again; nil: a sixteenth of
  /// `size`.
  package var checkDiff: UInt64?
  /// Bytes of keys and values that each part of a region that is too large gets.
  package var size: UInt64 = 256 << 20
  /// A region with fewer bytes is not split for its size; nil: one and a half times `size`.
  package var maxSize: UInt64?
  /// Keys of rows that each part of a region that has too many gets; nil: 10,000 for each MiB of `size`.
  package var keys: UInt64?
  /// A region with fewer keys is not split for their number; nil: one and a half times `keys`.
  package var maxKeys: UInt64?

  /// A region with at least so many bytes is not scanned for its split keys: they are estimated.
  package var approximateSize: UInt64 = 750 << 20

  /// When ranges with many deletions are compacted, so that regions are not measured too large.
  package var compaction = RangeCompactionConfig()

  /// Keys at which a region is split in one step at most: eleven regions.
  static let maxKeysInStep = 10

  /// `size` and what follows from it where it is not set.
  var limits: SplitLimits {
    let keys = keys ?? max(1, size >> 20) * 10_000
    return SplitLimits(
      size: size, maxSize: maxSize ?? size / 2 * 3, keys: keys, maxKeys: maxKeys ?? keys / 2 * 3)
  }

  var writtenBytesBetweenChecks: UInt64 { checkDiff ?? size / 16 }

  /// The first setting that cannot work, in words; nil when all are fine.
  func problem() -> String? {
    let limits = limits
    if limits.size == 0 || limits.keys == 0 {
      return "region-split-size and region-split-keys must be positive"
    }
    if limits.maxSize < limits.size {
      return "region-max-size must be at least region-split-size, \(limits.size) bytes, "
        + "not \(limits.maxSize)"
    }
    if limits.maxKeys < limits.keys {
      return "region-max-keys must be at least region-split-keys, \(limits.keys), "
        + "not \(limits.maxKeys)"
    }
    if checkInterval <= .zero { return "split-region-check-tick-interval must be positive" }
    if compaction.interval <= .zero { return "region-compact-check-interval must be positive" }
    return nil
  }
}

/// When the files of a range are rewritten because of the deletions in them. Names and defaults are TiKV's.
package struct RangeCompactionConfig: Sendable {
  /// How often some regions are looked at.
  package var interval: Duration = .seconds(300)
  /// Regions that are looked at each time.
  package var step = 100
  /// Deletions in the files of a region from which on they are rewritten...
  package var minTombstones: UInt64 = 10_000
  /// ... if they are also so many percent of all entries.
  package var tombstonesPercent: UInt64 = 30

  /// Whether so many deletions among so many entries call for a compaction.
  func isExceeded(_ deletions: UInt64, of entries: UInt64) -> Bool {
    deletions >= minTombstones
      && Double(deletions) * 100 >= Double(entries) * Double(tombstonesPercent)
  }
}

/// How large regions may become. Bytes, and keys of rows.
struct SplitLimits: Sendable, Equatable {
  var size: UInt64
  var maxSize: UInt64
  var keys: UInt64
  var maxKeys: UInt64
}
