import Raft

/// What a `DiskStorage` knows of its log: everything that is read without input or output.
struct DiskView: Sendable {
  var meta = DiskMeta()
  /// The truncated state is that of `meta.snapshot`, the hard state that of `meta`.
  var index = RegionIndex()
  /// Of the entries from `index.lowest` to the last: those below the first are held.
  var locations: [DiskLocation] = []
  /// The files that locations refer to, by number. Only of the strict format.
  var files: [UInt32: DiskLogFile] = [:]

  /// Nil for an index without an entry.
  func location(_ index: UInt64) -> DiskLocation? {
    guard index >= self.index.lowest, index - self.index.lowest < UInt64(locations.count) else {
      return nil
    }
    return locations[Int(index - self.index.lowest)]
  }

  /// Replaces the locations from `first` on.
  mutating func append(_ added: [DiskLocation], from first: UInt64) {
    locations.removeSubrange(Int(first - index.lowest)...)
    locations += added
  }

  /// Forgets the entries up to `last`, which is at or below the truncated index.
  mutating func forget(through last: UInt64) {
    guard last >= index.lowest else { return }
    locations.removeFirst(min(locations.count, Int(last - index.lowest) + 1))
    index.lowest = last + 1
  }
}

/// A change of a log, checked against the rules: what a `DiskStorage` commits at once.
struct DiskChange: Sendable {
  /// The log after the change; `lowest` is not yet moved.
  var index: RegionIndex
  /// Everything but positions.
  var meta: DiskMeta
  /// Those that are to be written: the last ones of the log, and perhaps some that it is truncated at already.
  var entries: [Entry] = []
  /// Whether nothing of the log before is left.
  var isReset = false
  /// Whether anything changes.
  var isEffective = false

  init(_ view: DiskView) {
    index = view.index
    meta = view.meta
  }

  /// Adds one operation, as on the log of `region`.
  mutating func add(_ operation: LogBatch.Operation) throws(LogStoreError) {
    let region = operation.region
    if case .destroy(_, let tombstone) = operation {
      destroy(tombstone)
      return
    }
    let exists = !meta.isDestroyed
    switch operation {
    case .append(_, let added): try append(region, added)
    case .setHardState(_, let state):
      guard try index.set(region, state) else { return }
      note()
    case .compact(_, let to, let term):
      guard try index.compact(region, to: to, term: term) else { return }
      meta.snapshot = Snapshot()
      note()
    case .reset(_, let to, let term, let state):
      try index.reset(region, to: to, term: term, state)
      entries = []
      isReset = true
      meta.snapshot = Snapshot()
      note()
    case .put(_, let key, let value):
      try LogRules.checkKey(region, key)
      note()
      put(key, value)
    case .delete(_, let key):
      guard exists else { return }
      note()
      let (at, found) = position(of: key)
      if found { meta.pairs.remove(at: at) }
    case .destroy: break
    }
  }

  /// Checks the rules that hold after a batch.
  mutating func finish(_ region: UInt64) throws(LogStoreError) {
    try index.checkCommit(region)
    meta.hardState = index.hardState
    meta.snapshot.metadata.index = index.dummy.index
    meta.snapshot.metadata.term = index.dummy.term
  }

  private mutating func append(_ region: UInt64, _ added: [Entry]) throws(LogStoreError) {
    try index.checkTerms(region, added)
    let kept = try index.append(region, added)
    guard let first = kept.first?.index else { return }
    while let last = entries.last, last.index >= first { entries.removeLast() }
    entries += kept
    note()
  }

  private mutating func destroy(_ tombstone: [UInt8]?) {
    guard !meta.isDestroyed || tombstone != meta.tombstone else { return }
    let (raftID, groupID) = (meta.raftID, meta.groupID)
    let (start, end, checksum) = (meta.start, meta.end, meta.checksum)
    meta = DiskMeta()
    (meta.raftID, meta.groupID) = (raftID, groupID)
    (meta.start, meta.end, meta.checksum) = (start, end, checksum)
    meta.isDestroyed = true
    meta.tombstone = tombstone
    index = RegionIndex()
    entries = []
    isReset = true
    isEffective = true
  }

  /// A change of a destroyed log begins a new one.
  private mutating func note() {
    isEffective = true
    meta.isDestroyed = false
    meta.tombstone = nil
  }

  private mutating func put(_ key: [UInt8], _ value: [UInt8]) {
    let (at, found) = position(of: key)
    if found {
      meta.pairs[at].value = value
    } else {
      meta.pairs.insert(SegmentRegion.Pair(key: key, value: value), at: at)
    }
  }

  private func position(of key: [UInt8]) -> (at: Int, found: Bool) {
    let at =
      meta.pairs.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? meta.pairs.count
    return (at, at < meta.pairs.count && meta.pairs[at].key == key)
  }
}
