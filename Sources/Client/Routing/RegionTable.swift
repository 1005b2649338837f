import Codec

/// Regions that do not overlap, sorted by their start keys.
struct RegionTable: Sendable {
  private(set) var regions: [RoutedRegion] = []

  /// How many regions start at or before `key`.
  private func countStarting(upTo key: [UInt8]) -> Int {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) / 2
      if precedes(key, regions[middle].region.startKey) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  func find(_ key: [UInt8]) -> RoutedRegion? {
    let count = countStarting(upTo: key)
    guard count > 0, regions[count - 1].region.contains(key) else { return nil }
    return regions[count - 1]
  }

  /// The region of the keys just below `key`; an empty `key` stands for the end of all keys.
  func find(before key: [UInt8]) -> RoutedRegion? {
    if key.isEmpty { return regions.last.flatMap { $0.holds(before: key) ? $0 : nil } }
    let count = countStarting(upTo: key)
    for index in [count - 1, count - 2] where index >= 0 && regions[index].holds(before: key) {
      return regions[index]
    }
    return nil
  }

  func find(id: UInt64) -> RoutedRegion? { regions.first { $0.region.id == id } }

  /// Takes a region in and drops those it overlaps. False if what is known already is newer.
  @discardableResult
  mutating func put(_ place: RoutedRegion) -> Bool {
    let new = place.region
    for old in regions.lazy.map(\.region) where old.id == new.id {
      if new.epoch.isStale(comparedTo: old.epoch) { return false }
    }
    let overlapped = regions.filter { $0.region.range.overlaps(new.range) }
    guard overlapped.allSatisfy({ $0.region.epoch.version <= new.epoch.version }) else {
      return false
    }
    regions.removeAll { $0.region.id == new.id || $0.region.range.overlaps(new.range) }
    regions.insert(place, at: countStarting(upTo: new.startKey))
    return true
  }

  mutating func remove(id: UInt64) { regions.removeAll { $0.region.id == id } }

  private func index(_ id: UInt64) -> Int? { regions.firstIndex { $0.region.id == id } }

  /// Asks `peer` from now on.
  mutating func setTarget(id: UInt64, _ peer: PeerInfo) {
    guard let index = index(id) else { return }
    regions[index].target = peer
  }

  /// The present target served.
  mutating func confirm(id: UInt64) {
    guard let index = index(id) else { return }
    regions[index].misses = 0
    regions[index].isStale = false
  }

  /// `peer` would not serve: turns to the next one. False once each had its turn: the placement driver
  /// is to be asked again then.
  mutating func turn(id: UInt64, from peer: PeerInfo) -> Bool {
    guard let index = index(id) else { return false }
    // Another call may have turned away from it already.
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
