import Runtime

/// Regions on which the flow of one kind is high, by leader: the store with the most flow has the highest threshold.
///
/// A region becomes hot when its rate has passed the threshold in several intervals in a row; each interval in which it
/// does not takes one of them back. Rates are averages in which each new interval counts as much as all before.
struct HotRegions: Sendable {
  struct Entry: Sendable {
    var rate: RegionFlow
    /// Intervals above the threshold less those below it.
    var degree: Int
    var updatedAt: Instant
  }

  /// Regions that are kept at most.
  private static let capacity = 20_000
  private static let maxDegree = 100
  /// The rank of the region whose rate a store's threshold follows.
  private static let thresholdRank = 60
  private static let thresholdInterval: Duration = .seconds(8)

  /// Rates a second below which no region is hot.
  private let floor: RegionFlow
  /// Only looked up by key; lists of it are sorted.
  private(set) var entries: [UInt64: Entry] = [:]
  private var thresholds: [UInt64: RegionFlow] = [:]
  private var thresholdsAt: Instant?

  init(_ kind: FlowKind) {
    floor =
      switch kind {
      case .read: RegionFlow(bytes: 8 << 10, keys: 128)
      case .write: RegionFlow(bytes: 1 << 10, keys: 32)
      }
  }

  /// Whether the region has been hot for at least `hits` intervals.
  func isHot(_ id: UInt64, hits: Int) -> Bool { (entries[id]?.degree ?? 0) >= hits }

  /// The hot regions, ascending by id.
  func hot(hits: Int) -> [(id: UInt64, entry: Entry)] {
    entries.filter { $0.value.degree >= hits }.sorted { $0.key < $1.key }
      .map { ($0.key, $0.value) }
  }

  /// Takes in the rate of an interval that has ended.
  mutating func record(_ id: UInt64, _ rate: RegionFlow, ledFrom store: UInt64, at now: Instant) {
    let threshold = thresholds[store] ?? floor
    let isAbove = rate.bytes >= threshold.bytes || rate.keys >= threshold.keys
    guard var entry = entries[id] else {
      guard isAbove, entries.count < Self.capacity else { return }
      entries[id] = Entry(rate: rate, degree: 1, updatedAt: now)
      return
    }
    entry.rate = RegionFlow(
      bytes: entry.rate.bytes / 2 + rate.bytes / 2, keys: entry.rate.keys / 2 + rate.keys / 2)
    entry.degree = min(Self.maxDegree, entry.degree + (isAbove ? 1 : -1))
    entry.updatedAt = now
    entries[id] = entry.degree > 0 ? entry : nil
  }

  mutating func remove(_ id: UInt64) { entries[id] = nil }

  /// Sets the thresholds anew, by the store that leads each region, and forgets regions of which no report has come for
  /// `memory`.
  mutating func refresh(at now: Instant, memory: Duration, leader: (UInt64) -> UInt64?) {
    if let thresholdsAt, now - thresholdsAt < Self.thresholdInterval { return }
    thresholdsAt = now
    entries = entries.filter { now - $0.value.updatedAt <= memory }
    var rates: [UInt64: [RegionFlow]] = [:]
    for (id, entry) in entries {
      if let store = leader(id) { rates[store, default: []].append(entry.rate) }
    }
    thresholds = rates.compactMapValues { rates in
      guard rates.count >= Self.thresholdRank else { return nil }
      func ranked(_ values: [UInt64], _ floor: UInt64) -> UInt64 {
        let value = values.sorted(by: >)[Self.thresholdRank - 1]
        return max(floor, value / 5 * 4)
      }
      return RegionFlow(
        bytes: ranked(rates.map(\.bytes), floor.bytes), keys: ranked(rates.map(\.keys), floor.keys))
    }
  }
}

/// The hot regions of both kinds.
struct HotRegionTable: Sendable {
  var read = HotRegions(.read)
  var write = HotRegions(.write)
  /// Whether writes are balanced next, and not reads.
  var isWriteTurn = true

  subscript(kind: FlowKind) -> HotRegions {
    get { kind == .read ? read : write }
    set { if kind == .read { read = newValue } else { write = newValue } }
  }

  func isHot(_ id: UInt64, hits: Int) -> Bool {
    read.isHot(id, hits: hits) || write.isHot(id, hits: hits)
  }
}
