import Codec

/// Which region is checked next by the schedule: the one whose last check is the longest ago.
struct ScrubSchedule {
  /// The number of the last scheduled check of each region.
  private var checked: [UInt64: UInt64] = [:]
  private var count: UInt64 = 0

  /// One of the regions, which counts as checked from now on; nil if there are none.
  mutating func next(_ ids: [UInt64]) -> UInt64? {
    let known = Set(ids)
    checked = checked.filter { known.contains($0.key) }
    count += 1
    let oldest = ids.min { (checked[$0] ?? 0, $0) < (checked[$1] ?? 0, $1) }
    if let oldest { checked[oldest] = count }
    return oldest
  }
}

extension StoreWorker {
  /// Has one region checked.
  mutating func checkOldest() {
    guard let id = scrub.next(meta.regions.map(\.id)) else { return }
    // Only a leader does something about it.
    router.post(.checkConsistency(regionID: id, nil), to: id)
  }
}
