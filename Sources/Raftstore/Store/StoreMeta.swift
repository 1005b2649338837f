package import Codec
import Synchronization

/// The one table that raft workers, the store worker and request threads share: which regions this
/// store holds, and which ranges they cover. Written by raft workers, under one lock that is never held
/// across anything slow.
package final class StoreMeta: Sendable {
  /// A region this store holds a peer of.
  package struct RegionEntry: Sendable {
    package var region: Region
    package var delegate: ReadDelegate
    /// The peer is being destroyed: its log must not be touched behind its back any more.
    fileprivate(set) var isRetired = false

    package init(region: Region, delegate: ReadDelegate) {
      self.region = region
      self.delegate = delegate
    }
  }

  private struct State {
    var held: [UInt64: RegionEntry] = [:]
    /// Initialized regions by start key; their ranges never overlap.
    var ranges: [Region] = []
    /// Regions that snapshots on their way in will cover, so that no two take the same keys.
    var reserved: [UInt64: KeyRange] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// Notes a region, with or without a range, replacing what was known of it.
  ///
  /// Its range must not overlap another region's: callers check with `overlapping` first.
  package func set(_ region: Region, delegate: ReadDelegate) {
    state.withLock { state in
      state.ranges.removeAll { $0.id == region.id }
      state.held[region.id] = RegionEntry(region: region, delegate: delegate)
      guard region.isInitialized else { return }
      let clash = state.ranges.first { $0.range.overlaps(region.range) }
      precondition(clash == nil, "\(region) overlaps \(clash.map(String.init(describing:)) ?? "")")
      let index =
        state.ranges.firstIndex { region.startKey.lexicographicallyPrecedes($0.startKey) }
        ?? state.ranges.endIndex
      state.ranges.insert(region, at: index)
    }
    delegate.update(region: region)
  }

  /// Forgets a region whose peer is gone.
  package func remove(_ regionID: UInt64) {
    state.withLock { state in
      state.held[regionID] = nil
      state.reserved[regionID] = nil
      state.ranges.removeAll { $0.id == regionID }
    }
  }

  /// What is known of a region, if this store has a peer of it.
  package func held(_ regionID: UInt64) -> RegionEntry? {
    state.withLock { $0.held[regionID] }
  }

  /// Says that a region's peer is about to go; before its log does.
  package func retire(_ regionID: UInt64) {
    state.withLock { $0.held[regionID]?.isRetired = true }
  }

  /// Runs `body`, which must be quick, if this store has that peer and it is not retired; it is not
  /// retired or removed while `body` runs.
  package func withPeer(_ peerID: UInt64, of regionID: UInt64, _ body: () -> Void) {
    state.withLock { state in
      guard let held = state.held[regionID], !held.isRetired else { return }
      if held.region.peer(id: peerID) != nil { body() }
    }
  }

  /// The ranges that regions other than `regionID` cover, or will cover by a snapshot.
  package func occupied(except regionID: UInt64) -> [KeyRange] {
    state.withLock { state in
      let covered = state.ranges.filter { $0.id != regionID }.map(\.range)
      let reserved = state.reserved.filter { $0.key != regionID }.sorted { $0.key < $1.key }
      return covered + reserved.map(\.value)
    }
  }

  /// Where local reads of a region are checked.
  package func delegate(_ regionID: UInt64) -> ReadDelegate? {
    state.withLock { $0.held[regionID]?.delegate }
  }

  /// The regions other than `regionID` that cover, or by a snapshot will cover, a part of `range`.
  package func overlapping(_ range: KeyRange, except regionID: UInt64) -> [UInt64] {
    state.withLock { state in
      var ids = state.ranges.filter { $0.id != regionID && $0.range.overlaps(range) }.map(\.id)
      ids += state.reserved.filter { $0.key != regionID && $0.value.overlaps(range) }.map(\.key)
      return ids.sorted()
    }
  }

  /// Keeps a range for a snapshot that will be applied, until `release` or `remove`; false when another region has or wants it.
  package func reserve(_ range: KeyRange, for regionID: UInt64) -> Bool {
    state.withLock { state in
      let taken =
        state.ranges.contains { $0.id != regionID && $0.range.overlaps(range) }
        || state.reserved.contains { $0.key != regionID && $0.value.overlaps(range) }
      if !taken { state.reserved[regionID] = range }
      return !taken
    }
  }

  /// Gives a reservation back.
  package func release(_ regionID: UInt64) {
    state.withLock { $0.reserved[regionID] = nil }
  }

  /// The initialized region that holds `key`.
  package func region(containing key: [UInt8]) -> Region? {
    state.withLock { state in state.ranges.first { $0.contains(key) } }
  }

  /// Initialized regions in order of their keys.
  package var regions: [Region] { state.withLock { $0.ranges } }

  /// How many peers this store has that have not learnt their regions yet.
  package var uninitializedCount: Int {
    state.withLock { $0.held.count - $0.ranges.count }
  }

  /// The lowest ids above `id` of regions this store has a peer of, in order; at most `limit`.
  package func regionIDs(after id: UInt64, limit: Int) -> [UInt64] {
    let held = state.withLock { Array($0.held.keys) }
    return Array(held.filter { $0 > id }.sorted().prefix(limit))
  }

  /// How many peers this store has, initialized or not.
  package var count: Int { state.withLock { $0.held.count } }
}
