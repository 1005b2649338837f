/// Ids of regions: added and removed in constant time, and found by position. The order is that of additions, but the
/// last id takes the position of one that is removed: the same changes give the same order.
struct RegionSet: Sendable {
  private(set) var ids: [UInt64] = []
  /// Where each id is in `ids`.
  private var positions: [UInt64: Int] = [:]

  var count: Int { ids.count }

  mutating func insert(_ id: UInt64) {
    guard positions[id] == nil else { return }
    positions[id] = ids.count
    ids.append(id)
  }

  mutating func remove(_ id: UInt64) {
    guard let position = positions.removeValue(forKey: id) else { return }
    let last = ids.removeLast()
    guard last != id else { return }
    ids[position] = last
    positions[last] = position
  }
}

/// The regions of one store.
struct StoreRegions: Sendable {
  /// Regions with a peer of any role here.
  var peers = RegionSet()
  /// Regions led from here.
  var leaders = RegionSet()
}

/// Where balancing goes on in the regions of each store, so that a round looks at few of them and all have their turn.
struct RegionCursors: Sendable {
  /// Regions of one store that one round looks at.
  static let tries = 64

  enum Purpose: Sendable, Hashable {
    case balanceLeader
    case balanceRegion
    case evictLeader
  }

  private struct Key: Hashable {
    var purpose: Purpose
    var store: UInt64
  }

  private var positions: [Key: Int] = [:]

  /// The next ids of the set, each once.
  mutating func next(_ purpose: Purpose, ofStore store: UInt64, in set: RegionSet) -> [UInt64] {
    guard set.count > 0 else { return [] }
    let key = Key(purpose: purpose, store: store)
    let start = (positions[key] ?? 0) % set.count
    let count = min(Self.tries, set.count)
    positions[key] = start + count
    return (0..<count).map { set.ids[(start + $0) % set.count] }
  }

  /// Puts the position back to just behind `id`, which was the last that was used.
  mutating func used(
    _ id: UInt64, of ids: [UInt64], _ purpose: Purpose, ofStore store: UInt64
  ) {
    guard let index = ids.firstIndex(of: id) else { return }
    let key = Key(purpose: purpose, store: store)
    positions[key] = max(0, (positions[key] ?? 0) - (ids.count - 1 - index))
  }
}
