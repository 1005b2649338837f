import Codec

/// The client's cache of regions.
struct RegionCache: Sendable {
  /// Sorted by start key; no two overlap.
  private(set) var regions: [RoutedRegion] = []

  /// The number of regions that start at or before `key`.
  private func countStarting(upTo key: [UInt8]) -> Int {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(key, regions[middle].region.startKey) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The region that contains `key`; nil if none is cached.
  func find(_ key: [UInt8]) -> RoutedRegion? {
    let count = countStarting(upTo: key)
    guard count > 0, regions[count - 1].region.contains(key) else { return nil }
    return regions[count - 1]
  }

  /// The region of the keys just below `key`; an empty `key` stands for the end of all keys.
  func find(before key: [UInt8]) -> RoutedRegion? {
    if key.isEmpty { return regions.last.flatMap { $0.contains(keysBefore: key) ? $0 : nil } }
    let count = countStarting(upTo: key)
    for index in [count - 1, count - 2] where index >= 0 && regions[index].contains(keysBefore: key)
    {
      return regions[index]
    }
    return nil
  }

  /// The region with that id; nil if it is not cached.
  func find(id: UInt64) -> RoutedRegion? { regions.first { $0.region.id == id } }

  /// Inserts a region and removes those it overlaps. False, and no change, if a cached one is newer.
  @discardableResult
  mutating func put(_ route: RoutedRegion) -> Bool {
    let new = route.region
    for old in regions.lazy.map(\.region) where old.id == new.id {
      if new.epoch.isStale(comparedTo: old.epoch) { return false }
    }
    let overlapped = regions.filter { $0.region.range.overlaps(new.range) }
    guard overlapped.allSatisfy({ $0.region.epoch.version <= new.epoch.version }) else {
      return false
    }
    regions.removeAll { $0.region.id == new.id || $0.region.range.overlaps(new.range) }
    regions.insert(route, at: countStarting(upTo: new.startKey))
    return true
  }

  /// Removes a region if it is cached.
  mutating func remove(id: UInt64) { regions.removeAll { $0.region.id == id } }

  private func index(_ id: UInt64) -> Int? { regions.firstIndex { $0.region.id == id } }

  /// Makes `peer` the target of a region.
  mutating func setTarget(id: UInt64, _ peer: PeerInfo) {
    guard let index = index(id) else { return }
    regions[index].target = peer
  }

  /// Records that the region's target has served a request.
  mutating func confirm(id: UInt64) {
    guard let index = index(id) else { return }
    regions[index].misses = 0
    regions[index].isStale = false
  }

  /// Records that `peer` did not serve a request, and makes the next peer the target. False once all peers
  /// have failed: the region is stale then, and is looked up in the placement driver.
  mutating func moveToNextPeer(id: UInt64, from peer: PeerInfo) -> Bool {
    guard let index = index(id) else { return false }
    // Another call may have changed the target already.
    guard regions[index].target.id == peer.id else { return true }
    let peers = regions[index].region.peers.filter(RoutedRegion.canLead)
    regions[index].misses += 1
    if !peers.isEmpty {
      let at = peers.firstIndex { $0.id == peer.id } ?? -1
      regions[index].target = peers[(at + 1) % peers.count]
    }
    guard regions[index].misses >= peers.count else { return true }
    regions[index].misses = 0
    regions[index].isStale = true
    return false
  }
}
