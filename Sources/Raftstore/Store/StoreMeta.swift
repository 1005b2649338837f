package import Codec
import Synchronization

/// The one table that raft workers, apply workers, the store worker and request threads share: which regions
/// this store holds, and which ranges they cover.
///
/// Raft workers write it. No lock is held across anything slow. Local reads need their region's delegate only,
/// which they get from a table of its own (`DelegateTable`).
package final class StoreMeta: Sendable {
  /// A region this store holds a peer of.
  package struct RegionEntry: Sendable {
    package var region: Region
    package var delegate: ReadDelegate
    /// The peer is being destroyed: only it may write to its log from now on.
    fileprivate(set) var isRetired = false

    package init(region: Region, delegate: ReadDelegate) {
      self.region = region
      self.delegate = delegate
    }
  }

  struct State {
    var held: [UInt64: RegionEntry] = [:]
    /// The initialized regions of `held`, and no others.
    var table = RegionTable()
    /// Ranges that snapshots will cover, by region, so that no two take the same keys.
    var reserved: [UInt64: KeyRange] = [:]
    /// Regions that an applied split has created and no raft worker has taken over yet, with the id of the peer.
    /// No region is in both `claims` and `reserved`.
    var claims: [UInt64: UInt64] = [:]
    /// Regions of `held` that were merged while their peers here were out of reach.
    var merged: Set<UInt64> = []
    /// Regions of `held` whose peer is fenced.
    var damaged: Set<UInt64> = []
  }

  let state = Mutex(State())
  private let delegates = DelegateTable()

  package init() {}

  // MARK: Regions

  /// Records a region, with or without a range, replacing what was known of it.
  ///
  /// Its range must not overlap another region's: callers check with `overlapping` first.
  package func set(_ region: Region, delegate: ReadDelegate) {
    update([RegionEntry(region: region, delegate: delegate)])
  }

  /// Records several regions in one step, replacing what was known of each: a region may take over what
  /// another one of them gives up. Their ranges must not overlap afterwards.
  package func update(_ entries: [RegionEntry]) {
    // A delegate of a region that shrinks must not cover what it gives up once another region has it.
    for entry in entries { entry.delegate.update(region: entry.region) }
    state.withLock { state in
      let old = entries.compactMap { state.held[$0.region.id]?.region }.filter(\.isInitialized)
      state.table.replace(old, by: entries.map(\.region).filter(\.isInitialized))
      for entry in entries {
        state.held[entry.region.id] = entry
        state.claims[entry.region.id] = nil
        delegates.set(entry.region.id, entry.delegate)
      }
    }
  }

  /// Records an uninitialized region, unless the store holds it already or a split has created it. Returns
  /// whether it did.
  package func insertUninitialized(_ region: Region, delegate: ReadDelegate) -> Bool {
    state.withLock { state in
      guard state.held[region.id] == nil, state.claims[region.id] == nil else { return false }
      state.held[region.id] = RegionEntry(region: region, delegate: delegate)
      delegates.set(region.id, delegate)
      return true
    }
  }

  /// Removes a region whose peer is gone; `delegate` is that peer's. Does nothing if another peer has taken
  /// its place.
  package func remove(_ regionID: UInt64, delegate: ReadDelegate) {
    state.withLock { state in
      guard let entry = state.held[regionID], entry.delegate === delegate else { return }
      state.held[regionID] = nil
      state.reserved[regionID] = nil
      state.merged.remove(regionID)
      state.damaged.remove(regionID)
      if entry.region.isInitialized { state.table.replace([entry.region], by: []) }
      delegates.set(regionID, nil)
    }
  }

  /// What is known of a region, if this store has a peer of it.
  package func held(_ regionID: UInt64) -> RegionEntry? {
    state.withLock { $0.held[regionID] }
  }

  /// Marks a region's peer, the one with that delegate, as about to be destroyed; called before its log is. A split
  /// may have replaced the peer already: then nothing happens.
  package func retire(_ regionID: UInt64, delegate: ReadDelegate) {
    state.withLock { state in
      guard state.held[regionID]?.delegate === delegate else { return }
      state.held[regionID]?.isRetired = true
    }
  }

  /// A region's peer, the one with that delegate, is fenced until it is removed.
  func noteDamage(_ regionID: UInt64, delegate: ReadDelegate) {
    state.withLock { state in
      guard state.held[regionID]?.delegate === delegate else { return }
      state.damaged.insert(regionID)
    }
  }

  func isDamaged(_ regionID: UInt64) -> Bool {
    state.withLock { $0.damaged.contains(regionID) }
  }

  /// The regions whose peers are fenced, ascending.
  package var damagedRegions: [UInt64] { state.withLock { $0.damaged.sorted() } }

  /// Runs `body`, which must be quick, if this store has that peer and it is not retired; it is not
  /// retired or removed while `body` runs.
  package func withPeer(_ peerID: UInt64, of regionID: UInt64, _ body: () -> Void) {
    state.withLock { state in
      guard let held = state.held[regionID], !held.isRetired else { return }
      if held.region.peer(id: peerID) != nil { body() }
    }
  }

  /// Where local reads of a region are checked.
  package func delegate(_ regionID: UInt64) -> ReadDelegate? { delegates[regionID] }

  func setDelegate(_ regionID: UInt64, _ delegate: ReadDelegate?) {
    delegates.set(regionID, delegate)
  }

  // MARK: Ranges

  /// The ranges that regions other than `regionID` cover, or will cover by a snapshot, as far as they
  /// overlap `range`.
  package func occupied(in range: KeyRange, except regionID: UInt64) -> [KeyRange] {
    state.withLock { state in
      let covered = state.table.overlapping(range).filter { $0.id != regionID }.map(\.range)
      let reserved = state.reserved.filter { $0.key != regionID && $0.value.overlaps(range) }
      return covered + reserved.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  /// The regions other than `regionID` that cover, or by a snapshot will cover, a part of `range`.
  package func overlapping(_ range: KeyRange, except regionID: UInt64) -> [UInt64] {
    state.withLock { state in
      var ids = state.table.overlapping(range).map(\.id).filter { $0 != regionID }
      ids += state.reserved.filter { $0.key != regionID && $0.value.overlaps(range) }.map(\.key)
      return ids.sorted()
    }
  }

  /// Keeps a range for a snapshot that will be applied, until `release` or `remove`. Returns false when another
  /// region covers or has reserved a part of it, or when a split has created this region.
  ///
  /// - Parameters:
  ///   - delegate: that of the peer that wants the range: it must still be the region's. Nil is not checked.
  ///   - version: that of the region with the snapshot. Regions of lower ones that were merged do not count.
  package func reserve(
    _ range: KeyRange, for regionID: UInt64, delegate: ReadDelegate? = nil, version: UInt64 = 0
  ) -> Bool {
    state.withLock { state in
      if state.claims[regionID] != nil { return false }
      if let delegate, state.held[regionID]?.delegate !== delegate { return false }
      let isTaken =
        state.table.overlapping(range).contains { other in
          other.id != regionID
            && !(state.merged.contains(other.id) && other.epoch.version < version)
        }
        || state.reserved.contains { $0.key != regionID && $0.value.overlaps(range) }
      if !isTaken { state.reserved[regionID] = range }
      return !isTaken
    }
  }

  /// Gives a reservation back.
  package func release(_ regionID: UInt64) {
    state.withLock { $0.reserved[regionID] = nil }
  }

  /// The initialized region that holds `key`.
  package func region(containing key: [UInt8]) -> Region? {
    table.region(containing: key)
  }

  /// Initialized regions in order of their keys.
  package var regions: [Region] { table.all }

  /// The initialized regions at this moment. Reading the copy takes no lock.
  package var table: RegionTable { state.withLock { $0.table } }

  /// How many peers of this store have not received their regions yet.
  package var uninitializedCount: Int {
    state.withLock { $0.held.count - $0.table.count }
  }

  /// The lowest ids above `id` of regions this store has a peer of, in order; at most `limit`.
  package func regionIDs(after id: UInt64, limit: Int) -> [UInt64] {
    let held = state.withLock { Array($0.held.keys) }
    return Array(held.filter { $0 > id }.sorted().prefix(limit))
  }

  /// What was read from all peers since the last call.
  func takeReadFlow() -> ReadFlow {
    let delegates = state.withLock { $0.held.values.map(\.delegate) }
    return delegates.reduce(into: ReadFlow()) { sum, delegate in
      let flow = delegate.takeStoreFlow()
      sum.bytes &+= flow.bytes
      sum.keys &+= flow.keys
    }
  }

  /// How many peers this store has, initialized or not.
  package var count: Int { state.withLock { $0.held.count } }
}

/// The read delegates of a store, by region: what every local read looks up first. Divided over several locks,
/// so that reads of different regions do not wait for each other, nor for a change of the region table.
private final class DelegateTable: Sendable {
  private final class Stripe: Sendable {
    let delegates = Mutex<[UInt64: ReadDelegate]>([:])
  }

  private let stripes = (0..<16).map { _ in Stripe() }

  subscript(_ regionID: UInt64) -> ReadDelegate? {
    stripe(regionID).delegates.withLock { $0[regionID] }
  }

  func set(_ regionID: UInt64, _ delegate: ReadDelegate?) {
    stripe(regionID).delegates.withLock { $0[regionID] = delegate }
  }

  private func stripe(_ regionID: UInt64) -> Stripe {
    stripes[Int(regionID % UInt64(stripes.count))]
  }
}
