/// The in-memory state of an ordered key-value log store.
struct OrderedKVTable: Sendable {
  /// A region and where its keys are.
  struct Region: Sendable, Equatable {
    var group: UInt32
    var index: RegionIndex
  }

  /// Regions below this have the group of the same number. Others get a group from `firstAllocated` on: so no group's
  /// number begins with the letters of another kind of key.
  static let firstIndirect: UInt64 = 0x6000_0000
  static let firstAllocated: UInt32 = 0x8000_0000

  /// The regions that have a log, a hard state or keys.
  var regions: [UInt64: Region] = [:]
  /// The destroyed regions that have a tombstone. Disjoint from `regions`.
  var tombstones: Set<UInt64> = []
  var holds = LogHolds()
  /// The next group for a region that has none of its own number; nil: all are used.
  var nextGroup: UInt32? = firstAllocated

  /// The part of the table for some regions, with all holds.
  func excerpt(_ ids: some Sequence<UInt64>) -> OrderedKVTable {
    var part = OrderedKVTable()
    part.holds = holds
    part.nextGroup = nextGroup
    for id in ids {
      part.regions[id] = regions[id]
      if tombstones.contains(id) { part.tombstones.insert(id) }
    }
    return part
  }

  /// Notes that a group is in use.
  mutating func use(_ group: UInt32) {
    guard let next = nextGroup, group >= next else { return }
    nextGroup = group == .max ? nil : group + 1
  }
}
