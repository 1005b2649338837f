import Codec
import Synchronization

extension StoreMeta {
  /// Records that a region has taken over the range of another one, which has ended, in one step.
  func merge(_ source: UInt64, into entry: RegionEntry) {
    entry.delegate.update(region: entry.region)
    state.withLock { state in
      let id = entry.region.id
      let old = [id, source].compactMap { state.held[$0]?.region }.filter(\.isInitialized)
      state.table.replace(old, by: [entry.region])
      state.held[id] = entry
      state.held[source]?.delegate.expire()
      state.held[source] = nil
      state.reserved[source] = nil
      state.merged.remove(source)
      state.damaged.remove(source)
      setDelegate(id, entry.delegate)
      setDelegate(source, nil)
    }
  }

  /// The placement driver confirms that the region was merged: a snapshot of a later version may take its keys.
  func noteMerged(_ regionID: UInt64) {
    state.withLock { state in
      if state.held[regionID] != nil { state.merged.insert(regionID) }
    }
  }

  /// Whether the region of a peer of this store was merged while the peer was out of reach.
  func isMerged(_ regionID: UInt64) -> Bool {
    state.withLock { $0.merged.contains(regionID) }
  }
}
