import Codec
import Runtime

/// Finds neighbors of small regions to merge them into.
///
/// Both regions are complete and follow well: no peer is pending, so that every peer of the target exists on its store
/// before the source goes there.
struct MergeChecker {
  let view: SchedulingView
  let recentSplits: RecentSplits

  /// The neighbor that the region is to be merged into; nil if there is none or the region stays as it is.
  func target(for record: RegionRecord) -> RegionRecord? {
    let rules = view.config.merging
    guard isSmall(record), isSettled(record) else { return nil }
    var target: RegionRecord?
    if let next = view.regions.record(afterThatOf: record.region), isTarget(next, of: record) {
      target = next
    }
    if !rules.isOneWay, let previous = view.regions.record(beforeThatOf: record.region.startKey),
      isTarget(previous, of: record),
      target.map({ previous.approximateSize < $0.approximateSize }) ?? true
    {
      target = previous
    }
    guard let target, target.approximateSize <= rules.largestTarget,
      staysWhole(record, target)
    else { return nil }
    return target
  }

  /// Whether two regions may be merged whatever their size; the reason against it otherwise.
  func refusal(_ source: RegionRecord, _ target: RegionRecord) -> String? {
    guard
      view.regions.record(afterThatOf: source.region)?.id == target.id
        || view.regions.record(afterThatOf: target.region)?.id == source.id
    else { return "region \(source.id) and region \(target.id) are not adjacent" }
    for record in [source, target] {
      if record.leader == nil { return "region \(record.id) has no known leader" }
      if !record.isHealthy { return "region \(record.id) has a peer that is down or pending" }
      guard isComplete(record) else { return "region \(record.id) is not fully replicated" }
    }
    return nil
  }

  // MARK: Conditions

  /// Of a region whose size is not known nothing is decided.
  private func isSmall(_ record: RegionRecord) -> Bool {
    let rules = view.config.merging
    return record.confirmedAt != nil && record.approximateSize > 0
      && record.approximateSize <= rules.maxSize && record.approximateKeys <= rules.maxKeys
  }

  private func isSettled(_ record: RegionRecord) -> Bool {
    record.leader != nil && record.isHealthy && isComplete(record)
      && view.operators.isFree(record.id, at: view.now)
      && !recentSplits.contains(record.id, at: view.now) && !view.isHot(record.id)
  }

  private func isComplete(_ record: RegionRecord) -> Bool {
    record.region.peers.count == view.maxReplicas
      && record.region.peers.allSatisfy { $0.role == .voter && view.stores[$0.storeID] != nil }
  }

  private func isTarget(_ target: RegionRecord, of source: RegionRecord) -> Bool {
    isSettled(target)
      // Replicas are not moved onto a store that is being removed.
      && target.region.peers.allSatisfy { peer in
        source.region.peer(onStore: peer.storeID) != nil
          || view.stores[peer.storeID]?.info.state == .up
      }
  }

  /// Whether the merged region will not be split again at once.
  private func staysWhole(_ source: RegionRecord, _ target: RegionRecord) -> Bool {
    let rules = view.config.merging
    let (size, overflow) = source.approximateSize.addingReportingOverflow(target.approximateSize)
    guard !overflow else { return false }
    if size < rules.regionMaxSize { return true }
    // It is split into parts of the wanted size; the rest must be too large to be merged.
    let rest = size % max(rules.regionSplitSize, 1)
    return rest == 0 || rest > rules.maxSize
  }
}

/// Regions that were split lately: they are not merged yet.
struct RecentSplits: Sendable {
  /// Regions that are remembered in each half at most. One that is not may be merged early.
  private static let capacity = 500_000

  private let interval: Duration
  /// When regions were split: since `rotatedAt`, and in the interval before.
  private var recent: [UInt64: Instant] = [:]
  private var older: [UInt64: Instant] = [:]
  private var rotatedAt: Instant

  init(interval: Duration, at now: Instant) {
    self.interval = interval
    rotatedAt = now
  }

  /// The same regions, with another interval from now on.
  func with(interval: Duration) -> RecentSplits {
    var changed = RecentSplits(interval: interval, at: rotatedAt)
    (changed.recent, changed.older) = (recent, older)
    return changed
  }

  mutating func record(_ ids: [UInt64], at now: Instant) {
    if now - rotatedAt > interval {
      (older, recent) = (recent, [:])
      rotatedAt = now
    }
    for id in ids where recent.count < Self.capacity || recent[id] != nil { recent[id] = now }
  }

  func contains(_ id: UInt64, at now: Instant) -> Bool {
    guard let at = recent[id] ?? older[id] else { return false }
    return now - at < interval
  }
}
