package import Codec
import Collections
import Runtime

extension PDCore {
  /// Regions one request may be split into.
  static let maxSplitCount: UInt32 = 4096
  /// Ids one request may be given: enough for as many regions of 15 peers.
  static let maxSplitIDs: UInt64 = 65_536

  // MARK: Ids of new regions

  /// Ids for one new region and its peers.
  package func askSplit(
    _ region: Region, _ reading: ClockReading
  ) throws(PDError) -> SplitIDs {
    try requireBootstrapped()
    try requireCurrent(region)
    let split = try splitIDs(region)
    recentSplits.record([region.id, split.regionID], at: reading.now)
    return split
  }

  /// Ids for `count` new regions and their peers; the store splits by itself with them.
  package func askBatchSplit(
    _ region: Region, count: UInt32, _ reading: ClockReading
  ) throws(PDError) -> [SplitIDs] {
    try requireBootstrapped()
    try requireCurrent(region)
    guard (1...Self.maxSplitCount).contains(count) else {
      throw PDError(
        refusal: .invalidValue,
        "split_count must be 1 to \(Self.maxSplitCount), not \(count)")
    }
    // Bounded in all: the number of peers is what the request says.
    let needed = UInt64(count) * UInt64(region.peers.count + 1)
    guard needed <= Self.maxSplitIDs else {
      throw PDError(
        refusal: .invalidValue,
        "\(count) regions of \(region.peers.count) peers need \(needed) ids, more "
          + "than \(Self.maxSplitIDs)")
    }
    var all: [SplitIDs] = []
    all.reserveCapacity(Int(count))
    for _ in 0..<count { all.append(try splitIDs(region)) }
    recentSplits.record([region.id] + all.map(\.regionID), at: reading.now)
    return all
  }

  private func splitIDs(_ region: Region) throws(PDError) -> SplitIDs {
    var split = SplitIDs(regionID: try ids.take(1, &storage), peerIDs: [])
    for _ in region.peers { split.peerIDs.append(try ids.take(1, &storage)) }
    return split
  }

  /// Refuses a region that is unknown, behind what PD knows, or malformed. Its peers may be newer than those PD
  /// knows.
  private func requireCurrent(_ region: Region) throws(PDError) {
    guard let known = regions.record(id: region.id)?.region else {
      throw PDError(refusal: .regionNotFound, "region \(region.id) not found")
    }
    guard !region.epoch.isStale(comparedTo: known.epoch) else {
      throw PDError(
        refusal: .unknown,
        "invalid region epoch, request: \(region.epoch), current: \(known.epoch)")
    }
    try check(region)
  }

  // MARK: Splits on request

  /// Has regions split so that each of `keys` begins a region, and reports how far that is. Call it again until all are
  /// done: an operator that failed is replaced by another one.
  ///
  /// - Parameter keys: in the form in which regions have them; without repetitions.
  package func splitRegions(
    at keys: [[UInt8]], _ reading: ClockReading
  ) throws(PDError) -> SplitProgress {
    try requireBootstrapped()
    guard keys.count <= Int(Self.maxSplitCount), keys.allSatisfy({ !$0.isEmpty }) else {
      throw PDError(
        refusal: .invalidValue,
        "expected 1 to \(Self.maxSplitCount) split keys, none of them empty")
    }
    var progress = SplitProgress(keyCount: keys.count)
    var left: OrderedDictionary<UInt64, [[UInt8]]> = [:]
    for key in keys {
      guard let record = regions.record(containing: key) else { continue }
      if record.region.startKey == key {
        progress.regionIDs.append(record.id)
      } else {
        left[record.id, default: []].append(key)
      }
    }
    for (id, keys) in left {
      guard let record = regions.record(id: id), record.leader != nil, !record.isJoint else {
        continue
      }
      let sorted = keys.sorted { $0.lexicographicallyPrecedes($1) }
      let plan = SchedulingPlan(
        "split-region", "requested", .admin, .high, .split(keys: sorted))
      _ = try create(plan, record, reading.now)
    }
    return progress
  }

  // MARK: Reports

  /// Takes in the parts of a split region, in key order, if they are newer than what PD knows. Clients find them at
  /// once, before the parts' first heartbeats come.
  package func reportSplit(_ parts: [Region]) throws(PDError) {
    try requireBootstrapped()
    guard parts.count >= 2 else {
      throw PDError(refusal: .unknown, "invalid split report: fewer than two regions")
    }
    for (index, part) in parts.enumerated() {
      guard part.id != 0 else {
        throw PDError(
          refusal: .unknown, "invalid split report: a region has no id or epoch")
      }
      try check(part)
      try requireAllocated(part)
      guard index > 0 else { continue }
      let left = parts[index - 1]
      guard !left.endKey.isEmpty, left.endKey == part.startKey else {
        throw PDError(
          refusal: .unknown, "invalid split report: \(left) and \(part) are not neighbours")
      }
    }
    // All records first: what one part drives out may be the parent of the next.
    let records = parts.map(splitRecord)
    for record in records {
      // A heartbeat that came before the report knows more: it stays.
      if regions.record(id: record.id)?.region.epoch == record.region.epoch { continue }
      guard regions.conflicts(with: record.region, term: 0).isEmpty else { continue }
      try save(record)
    }
  }

  /// A part's first record: the parent's leader store is about to lead it too. Until its leader confirms
  /// it, the report is all there is.
  private func splitRecord(_ part: Region) -> RegionRecord {
    let known = regions.record(id: part.id)
    let parent = known ?? regions.record(containing: part.startKey)
    var record = RegionRecord(part)
    record.leader = parent?.leader.flatMap { part.peer(onStore: $0.storeID) }
    record.term = known?.term ?? 0
    return record
  }
}

/// How far a request to split regions is.
package struct SplitProgress: Sendable, Hashable {
  /// The regions that begin at requested keys.
  package var regionIDs: [UInt64] = []
  private let keyCount: Int

  init(keyCount: Int) { self.keyCount = keyCount }

  /// Whether each key begins a region.
  package var isDone: Bool { regionIDs.count == keyCount }

  /// 0 to 100.
  package var percentage: UInt64 {
    keyCount == 0 ? 100 : UInt64(regionIDs.count * 100 / keyCount)
  }
}
