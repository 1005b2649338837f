import Raft

/// The state of a segment log in memory. It changes only by items: the same code applies a batch that was just
/// written and one that is read when the log is opened.
struct SegmentTable: Sendable {
  /// A file that is in use.
  struct Usage: Sendable {
    var file: SegmentFile
    /// Bytes of entries (uncompressed) that the index refers to.
    var live: UInt64 = 0
    /// Bytes from the start of the file to the end of its last frame.
    var used: UInt64
    /// LSN of its last frame; `firstLSN - 1` if it has none. Of the active file: as of its last rotation.
    var lastLSN: UInt64
    /// Whether garbage collection leaves it alone: an entry in it could not be read or belongs to a fenced region.
    var isStuck = false
  }

  var identity: LogStoreIdentity?
  /// The regions that have a log, a hard state or keys.
  private(set) var regions: [UInt64: SegmentRegion] = [:]
  /// What destroyed regions have left. Disjoint from `regions`.
  private(set) var tombstones: [UInt64: [UInt8]] = [:]
  /// Damage found when the log was opened that may concern regions of which nothing else is left; nil: none.
  var unattributedDamage: String?
  /// By sequence number.
  var files: [UInt64: Usage] = [:]
  var holds = LogHolds()

  // MARK: Items

  /// Applies one change. Throws if it does not fit the state: then the log is damaged, and the state is undefined.
  ///
  /// - Parameter place: the frame of the item.
  mutating func apply(_ item: SegmentItem, at place: FramePlace) throws(SegmentDefect) {
    switch item {
    case .append(let span): try append(span, place)
    case .move(let span): locate(span, place)
    case .compact(let region, let index, let term): try compact(region, index, term)
    case .reset(let region, let index, let term, let state):
      try reset(region, index, term, state)
    case .hardState(let region, let state):
      revive(region)
      regions[region, default: SegmentRegion()].index.hardState = state
    case .put(let region, let key, let value):
      revive(region)
      regions[region, default: SegmentRegion()].put(key, value)
    case .delete(let region, let key): regions[region]?.delete(key)
    case .destroy(let region, let tombstone):
      removeEntries(region)
      regions[region] = nil
      tombstones[region] = tombstone
    case .state(let state):
      guard regions[state.region] == nil else {
        throw SegmentDefect("region \(state.region) occurs twice in a snapshot of the state")
      }
      regions[state.region] = SegmentRegion(state)
    case .identity(let identity): self.identity = identity
    case .files, .drop: break
    }
  }

  private mutating func revive(_ region: UInt64) {
    if !tombstones.isEmpty { tombstones[region] = nil }
  }

  private mutating func append(_ span: EntrySpan, _ place: FramePlace) throws(SegmentDefect) {
    let index = regions[span.region]?.index ?? RegionIndex()
    guard span.first > index.dummy.index, span.first <= index.last + 1 else {
      throw SegmentDefect(
        "entries from \(span.first) do not fit region \(span.region), whose log is "
          + "\(index.first) to \(index.last)")
    }
    revive(span.region)
    removeEntries(span.region, from: span.first)
    var bytes: UInt64 = 0
    update(span.region) { region in
      var next = span.first
      for run in span.runs {
        region.index.append(index: next, term: run.term)
        region.index.extend(to: next + (run.count - 1))
        next += run.count
      }
      var offset = span.offset
      for length in span.lengths {
        region.locations.append(
          EntryLocation(file: place.file, frame: place.frame, offset: offset, length: length))
        offset += length
        bytes += UInt64(length)
      }
    }
    files[UInt64(place.file)]?.live += bytes
  }

  /// Lets the entries of a span that are still in the log be read from `place`. Entries below the first index, which
  /// are held, have no known term: they were not replaced, as they were committed.
  mutating func locate(_ span: EntrySpan, _ place: FramePlace) {
    guard let index = regions[span.region]?.index else { return }
    let low = max(span.first, index.lowest)
    let high = min(span.end, index.last + 1)
    guard low < high else { return }
    var next = span.first
    var offset = span.offset
    var lengths = span.lengths[...]
    for run in span.runs {
      for _ in 0..<run.count {
        guard let length = lengths.popFirst() else { return }
        let isCurrent = next < index.first || index.hasTerm(run.term, at: next)
        if next >= low, next < high, isCurrent {
          let location = EntryLocation(
            file: place.file, frame: place.frame, offset: offset, length: length)
          set(span.region, next, location)
        }
        offset += length
        next += 1
      }
    }
  }

  private mutating func set(_ region: UInt64, _ index: UInt64, _ location: EntryLocation) {
    guard let old = regions[region]?.locations[index], old != location else { return }
    if !old.isMissing { release(UInt64(old.file), UInt64(old.length)) }
    files[UInt64(location.file)]?.live += UInt64(location.length)
    regions[region]?.locations[index] = location
  }

  private mutating func compact(
    _ region: UInt64, _ index: UInt64, _ term: UInt64
  ) throws(SegmentDefect) {
    guard let old = regions[region]?.index, index > old.dummy.index, index <= old.last else {
      throw SegmentDefect("a compaction to \(index) does not fit region \(region)")
    }
    regions[region]?.index.compact(to: index, term: term)
    removeCompacted(region)
  }

  private mutating func reset(
    _ region: UInt64, _ index: UInt64, _ term: UInt64, _ state: HardState
  ) throws(SegmentDefect) {
    guard index > regions[region]?.index.dummy.index ?? 0 else {
      throw SegmentDefect("a reset to \(index) does not fit region \(region)")
    }
    revive(region)
    removeEntries(region)
    update(region) { region in
      region.index = RegionIndex(startingAfter: index, term: term)
      region.index.hardState = state
      region.locations = EntryLocations(first: index + 1)
    }
  }

  private mutating func update(_ region: UInt64, _ body: (inout SegmentRegion) -> Void) {
    body(&regions[region, default: SegmentRegion()])
  }

  // MARK: Entries that go

  /// Removes the locations below the first index, except those that a hold keeps. False if there are none.
  @discardableResult
  mutating func removeCompacted(_ region: UInt64) -> Bool {
    guard let index = regions[region]?.index else { return false }
    let end = holds.deletable(region, truncatedAt: index.dummy.index) + 1
    guard index.lowest < end else { return false }
    removeEntries(region, below: end)
    regions[region]?.index.lowest = end
    return true
  }

  /// The regions that have entries below their first index, which holds have kept.
  var compactedRegions: [UInt64] {
    regions.compactMap { $0.value.index.lowest < $0.value.index.first ? $0.key : nil }
  }

  private mutating func removeEntries(
    _ region: UInt64, from: UInt64 = 0, below end: UInt64 = .max
  ) {
    let freed = regions[region]?.removeLocations(from: from, below: end) ?? [:]
    for (file, bytes) in freed { release(UInt64(file), bytes) }
  }

  private mutating func release(_ file: UInt64, _ bytes: UInt64) {
    guard let live = files[file]?.live else { return }
    files[file]?.live = live - min(live, bytes)
  }

  // MARK: Damage

  /// Stops reading and writing of a region.
  mutating func fence(_ region: UInt64, _ reason: String) {
    if regions[region]?.fence == nil { update(region) { $0.fence = reason } }
  }

  /// The first entry of the region that is nowhere, or what else is wrong; nil if its log is complete.
  func defect(of region: UInt64) -> String? {
    guard let log = regions[region], log.fence == nil else { return nil }
    if log.index.hardState.commit > log.index.last {
      return "commit \(log.index.hardState.commit) is beyond the last index \(log.index.last)"
    }
    guard let at = log.locations.all.firstIndex(where: \.isMissing) else { return nil }
    let index = log.locations.first + UInt64(at - log.locations.all.startIndex)
    return "entry \(index) is in no file"
  }

  /// Records how many bytes of entries a region has.
  mutating func noteOpenedBytes(_ region: UInt64) {
    update(region) { log in
      log.index.openedBytes = log.locations.all.reduce(0) { $0 + UInt64($1.length) }
    }
  }

  // MARK: Snapshot of the state

  /// All items of a snapshot of the state, without the files.
  func snapshot() -> [SegmentItem] {
    var items: [SegmentItem] = []
    if let identity { items.append(.identity(identity)) }
    for (id, region) in regions.sorted(by: { $0.key < $1.key }) {
      items.append(.state(region.state(of: id)))
      for pair in region.pairs {
        items.append(.put(region: id, key: pair.key, value: pair.value))
      }
    }
    for (id, tombstone) in tombstones.sorted(by: { $0.key < $1.key }) {
      items.append(.destroy(region: id, tombstone: tombstone))
    }
    return items
  }

  /// The files in use, ascending.
  func records() -> [FileRecord] {
    files.values.sorted { $0.file.sequence < $1.file.sequence }.map { usage in
      FileRecord(
        sequence: usage.file.sequence, salt: usage.file.header.salt,
        firstLSN: usage.file.header.firstLSN, lastLSN: usage.lastLSN)
    }
  }
}
