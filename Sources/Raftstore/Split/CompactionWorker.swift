import Codec
import Collections
import Engine
import Logging
import Runtime

/// Messages of the compaction worker.
enum CompactionMessage: Sendable {
  /// A range of values was deleted at once.
  case rangeDeleted(KeyRange)
  /// Look at the next regions.
  case check
  /// The worker's own: go on with what was found.
  case proceed
}

/// Rewrites the files of ranges in which much was deleted. Until then the estimates of sizes count what is gone, and the
/// placement driver does not learn that regions have become small.
///
/// Each check looks at the next regions in order of their keys, and at the ranges that were deleted at once since the
/// last one. A file counts for each region that it overlaps. Afterwards the leaders among the regions are measured.
///
/// One compaction is at most of about `pieceBytes`; between two of them the worker can be stopped. TiKV:
/// `worker/compact.rs`, without redundant versions of rows.
struct CompactionWorker: Handler {
  /// Bytes by the estimate that are rewritten in one step, unless a region is larger.
  private static let pieceBytes: UInt64 = 256 << 20
  /// The families whose deletions count; locks are deleted all the time.
  private static let families: [ColumnFamily] = [.default, .write]

  /// Adjacent ranges that are compacted together.
  private struct Piece {
    var range: KeyRange
    var bytes: UInt64
    var regions: [UInt64]
  }

  private let engine: any KVEngine
  private let config: RangeCompactionConfig
  /// Deleted ranges with less in files are not worth a compaction.
  private let leastBytes: UInt64
  private let meta: StoreMeta
  private let router: Router
  private let mailbox: Mailbox<CompactionMessage>
  private let logger: Logger
  private let compactions: Counter
  /// Since the last check.
  private var deleted = DeletedRanges()
  /// Deleted before, and too small by themselves.
  private var small = DeletedRanges()
  /// The next check begins with the first region that ends above it.
  private var position: [UInt8] = []
  private var waiting: Deque<Piece> = []

  init(
    engine: any KVEngine, config: SplitConfig, meta: StoreMeta, router: Router,
    mailbox: Mailbox<CompactionMessage>, metrics: Metrics, logger: Logger
  ) {
    self.engine = engine
    self.config = config.compaction
    leastBytes = config.writtenBytesBetweenChecks
    self.meta = meta
    self.router = router
    self.mailbox = mailbox
    self.logger = logger
    compactions = metrics.counter(
      "apus_raftstore_range_compactions_total",
      "Ranges whose files were rewritten for the deletions in them.")
  }

  mutating func handle(_ batch: [CompactionMessage]) {
    for message in batch {
      do throws(EngineError) {
        switch message {
        case .rangeDeleted(let range): deleted.insert(range)
        // What the last check has found comes first.
        case .check: if waiting.isEmpty { try check() }
        case .proceed: try compact()
        }
      } catch {
        logger.warning("cannot look for deleted data: \(error)")
      }
    }
  }

  // MARK: Looking

  private mutating func check() throws(EngineError) {
    try checkDeletedRanges()
    try checkRegions()
    if !waiting.isEmpty { mailbox.post(.proceed) }
  }

  private mutating func checkDeletedRanges() throws(EngineError) {
    let table = meta.table
    let new = deleted.ranges
    var all = small
    for range in new { all.insert(range) }
    deleted.removeAll()
    small.removeAll()
    for range in all.ranges {
      guard try bytes(of: range) >= leastBytes else {
        small.insert(range)
        continue
      }
      for region in table.overlapping(range) {
        try add(region.range.intersect(range), of: region)
      }
    }
    // What was deleted in memory shows without a compaction.
    for range in new {
      for region in table.overlapping(range) {
        router.post(.rangeCompacted(regionID: region.id), to: region.id)
      }
    }
  }

  private mutating func checkRegions() throws(EngineError) {
    for family in Self.families {
      let deletions = inMemory("deletes", family)
      // Files have their deletions counted.
      if config.isExceeded(deletions, of: inMemory("entries", family)) { try engine.flush(family) }
    }
    let regions = meta.table.endingAbove(position, limit: config.step)
    position = regions.count < config.step ? [] : regions.last?.endKey ?? []
    let files = try engine.files().filter { Self.families.contains($0.family) && $0.entries > 0 }
    for region in regions where isSparse(region.range, files) {
      try add(region.range, of: region)
    }
  }

  private func inMemory(_ what: String, _ family: ColumnFamily) -> UInt64 {
    (engine.property("rocksdb.num-\(what)-active-mem-table", family) ?? 0)
      + (engine.property("rocksdb.num-\(what)-imm-mem-tables", family) ?? 0)
  }

  /// Whether the files of a family in which the range has keys have too many deletions.
  private func isSparse(_ range: KeyRange, _ files: [EngineFile]) -> Bool {
    Self.families.contains { family in
      var (entries, deletions) = (UInt64(0), UInt64(0))
      for file in files where file.family == family {
        guard !precedes(file.largest, range.start),
          range.end.isEmpty || precedes(file.smallest, range.end)
        else { continue }
        entries &+= file.entries
        deletions &+= file.deletions
      }
      return config.isExceeded(deletions, of: entries)
    }
  }

  /// About the bytes that the range has in files.
  private func bytes(of range: KeyRange) throws(EngineError) -> UInt64 {
    let end = range.end.isEmpty ? DataKeySpace.end : range.end
    var sum: UInt64 = 0
    for family in Self.families {
      sum += try engine.approximateSize(family, from: range.start, to: end)
    }
    return sum
  }

  private mutating func add(_ range: KeyRange, of region: Region) throws(EngineError) {
    let bytes = try bytes(of: range)
    if let last = waiting.last, last.range.end == range.start,
      last.bytes + bytes <= Self.pieceBytes
    {
      waiting[waiting.count - 1].range.end = range.end
      waiting[waiting.count - 1].bytes += bytes
      waiting[waiting.count - 1].regions.append(region.id)
    } else {
      waiting.append(Piece(range: range, bytes: bytes, regions: [region.id]))
    }
  }

  // MARK: Compacting

  private mutating func compact() throws(EngineError) {
    guard let piece = waiting.popFirst() else { return }
    defer { if !waiting.isEmpty { mailbox.post(.proceed) } }
    let end = piece.range.end.isEmpty ? DataKeySpace.end : piece.range.end
    for family in Self.families {
      try engine.compact(family, from: piece.range.start, to: end)
    }
    compactions.increment()
    let left = try bytes(of: piece.range)
    logger.info(
      "\(piece.range) is compacted: \(piece.bytes) bytes before, \(left) now",
      metadata: ["regions": "\(piece.regions.count)"])
    for id in piece.regions { router.post(.rangeCompacted(regionID: id), to: id) }
  }
}
