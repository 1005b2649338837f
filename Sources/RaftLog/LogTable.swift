/// The in-memory state of a log store: the index of each region, tombstones of destroyed ones, and
/// holds.
struct LogTable: Sendable {
  var regions: [UInt64: RegionIndex] = [:]
  var tombstones: Set<UInt64> = []
  var holds: [LogHold: UInt64] = [:]
  var nextHold: UInt64 = 1

  /// What of the table matters for these regions. A plan works on this, so that publishing its
  /// outcome does not copy the whole table.
  func excerpt(_ ids: some Sequence<UInt64>) -> LogTable {
    var part = LogTable()
    part.holds = holds
    for id in ids {
      part.regions[id] = regions[id]
      if tombstones.contains(id) { part.tombstones.insert(id) }
    }
    return part
  }

  /// The lowest index of the region that is held.
  func lowestHold(_ region: UInt64) -> UInt64? {
    guard !holds.isEmpty else { return nil }
    return holds.lazy.filter { $0.key.region == region }.map(\.value).min()
  }
}
