import Raft

/// The log of one region in memory, with all its entries, as etcd keeps them.
struct EtcdRegion: Sendable, Equatable {
  /// Nil: there is no log.
  var index: RegionIndex?
  /// Those of the index, from its first one on.
  private(set) var log = MemoryRegionLog()
  var tombstone: [UInt8]?

  /// Whether nothing is known of the region.
  var isEmpty: Bool { index == nil && tombstone == nil }

  /// A log that was read.
  init(_ log: MemoryRegionLog) {
    self.log = log
    var index = RegionIndex(startingAfter: log.dummyIndex, term: log.dummyTerm)
    for entry in log.entries { index.append(index: entry.index, term: entry.term) }
    index.hardState = log.hardState
    index.openedBytes = EntryLimits.encodedSize(of: log.entries)
    self.index = index
  }

  init(tombstone: [UInt8]? = nil) {
    self.tombstone = tombstone
  }

  /// Applies changes that were checked and written.
  ///
  /// - Parameter index: that of the region after all of them; nil: it is destroyed.
  mutating func apply(_ region: UInt64, _ changes: [EtcdPlan.Change], _ index: RegionIndex?) {
    do throws(LogStoreError) {
      for change in changes { try apply(region, change) }
    } catch {
      preconditionFailure("a checked batch does not fit the log: \(error)")
    }
    let openedBytes = self.index?.openedBytes ?? 0
    self.index = index
    self.index?.openedBytes = openedBytes
  }

  private mutating func apply(
    _ region: UInt64, _ change: EtcdPlan.Change
  ) throws(LogStoreError) {
    if case .destroy(let tombstone) = change {
      self = EtcdRegion(tombstone: tombstone)
      return
    }
    tombstone = nil
    switch change {
    case .append(let entries): try log.append(region, Array(entries))
    case .hardState(let state): log.hardState = state
    case .compact(let index, let term): try log.compact(region, to: index, term: term)
    case .reset(let index, let term, let state):
      try log.reset(region, to: index, term: term, state)
    case .put(let key, let value): log.put(key, value)
    case .delete(let key): log.delete(key)
    case .destroy: break
    }
  }
}
