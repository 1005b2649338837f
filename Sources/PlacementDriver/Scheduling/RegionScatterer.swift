import Codec
import Runtime

/// Where regions of each scatter group were placed lately.
struct ScatterGroups {
  /// Bytes of a group's name.
  static let maxNameBytes = 256
  /// How long placements count after the last one of their group.
  private static let memory: Duration = .seconds(180)
  /// Groups kept at most; beyond it a new group counts as empty each time.
  private static let capacity = 1024

  struct Counts {
    var peers: [UInt64: Int] = [:]
    var leaders: [UInt64: Int] = [:]
    var usedAt: Instant
  }

  private var groups: [String: Counts] = [:]

  func counts(_ name: String, at now: Instant) -> Counts {
    guard let known = groups[name], now - known.usedAt <= Self.memory else {
      return Counts(usedAt: now)
    }
    return known
  }

  /// Counts a placement.
  mutating func record(_ name: String, _ stores: [UInt64], leader: UInt64, at now: Instant) {
    var counts = counts(name, at: now)
    for id in stores { counts.peers[id, default: 0] += 1 }
    counts.leaders[leader, default: 0] += 1
    counts.usedAt = now
    if groups[name] == nil, groups.count >= Self.capacity {
      groups = groups.filter { now - $0.value.usedAt <= Self.memory }
      guard groups.count < Self.capacity else { return }
    }
    groups[name] = counts
  }
}

/// Spreads the regions of a group evenly over the stores, whatever else the stores hold.
struct RegionScatterer {
  let view: SchedulingView

  /// The placement of one more region of the group; nil if the region stays where it is or cannot be moved now.
  func plan(
    _ record: RegionRecord, _ group: String, _ groups: inout ScatterGroups
  ) -> SchedulingPlan? {
    let region = record.region
    guard let leader = record.leader, record.isHealthy, view.operators[record.id] == nil,
      region.peers.count == view.maxReplicas, region.peers.allSatisfy({ $0.role == .voter })
    else { return nil }
    let counts = groups.counts(group, at: view.now)
    var stores = region.peers.map(\.storeID)
    for index in stores.indices {
      if let better = better(than: stores[index], for: record, others: stores, counts.peers) {
        stores[index] = better
      }
    }
    let leaders = stores.filter { !view.evicting.contains($0) && view.isUsable($0) }
    func rank(_ id: UInt64) -> (Int, Int, UInt64) {
      (counts.leaders[id] ?? 0, id == leader.storeID ? 0 : 1, id)
    }
    let wanted = leaders.min { rank($0) < rank($1) } ?? leader.storeID
    groups.record(group, stores, leader: wanted, at: view.now)
    guard Set(stores) != Set(region.peers.map(\.storeID)) || wanted != leader.storeID else {
      return nil
    }
    return SchedulingPlan(
      "scatter-region", "requested" + (group.isEmpty ? "" : " for group \(group)"), .admin,
      .high, .relocate(stores: stores, leader: wanted))
  }

  /// A store with fewer regions of the group than `origin` has, for one replica of the region; nil if there is none.
  private func better(
    than origin: UInt64, for record: RegionRecord, others: [UInt64], _ counts: [UInt64: Int]
  ) -> UInt64? {
    let region = record.region
    // Those chosen so far: two replicas must not move to one location.
    let rest = others.filter { $0 != origin }
    let candidates = view.stores.records.filter { store in
      !others.contains(store.id) && region.peer(onStore: store.id) == nil
        && !view.isLow(store) && view.mayReceive(store, record.approximateSize)
        && !view.breaksIsolation(store, others: rest)
        && view.isolation(ofStore: store.id, others: rest)
          >= view.isolation(ofStore: origin, others: rest)
        && (counts[store.id] ?? 0) < (counts[origin] ?? 0)
    }
    return candidates.min {
      ((counts[$0.id] ?? 0), $0.id) < ((counts[$1.id] ?? 0), $1.id)
    }?.id
  }
}
