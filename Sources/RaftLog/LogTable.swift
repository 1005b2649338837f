/// The in-memory state of a RocksDB log store.
struct LogTable: Sendable {
  /// The regions that have a log, a hard state or keys.
  var regions: [UInt64: RegionIndex] = [:]
  /// The destroyed regions that have a tombstone. Disjoint from `regions`.
  var tombstones: Set<UInt64> = []
  var holds = LogHolds()
  /// Regions whose logs could not be read completely when the store was opened, with the reason. A region that is
  /// destroyed is no longer among them.
  var damaged: [UInt64: String] = [:]
  /// Damage that no region could be found for.
  var unattributedDamage: String?

  /// The part of the table for some regions, with all holds. A plan works on a part, so that the table is not shared
  /// when the result is published, which would copy it.
  func excerpt(_ ids: some Sequence<UInt64>) -> LogTable {
    var part = LogTable()
    part.holds = holds
    part.unattributedDamage = unattributedDamage
    for id in ids {
      part.regions[id] = regions[id]
      part.damaged[id] = damaged[id]
      if tombstones.contains(id) { part.tombstones.insert(id) }
    }
    return part
  }
}
