import Codec

/// Spreads the regions with the highest flow over the stores: a leader or a replica moves from a store with more flow
/// than the average to one with less.
///
/// Reads are served by leaders, so that their flow counts for the leader's store; writes count for every replica's.
struct HotRegionBalancer {
  /// What of a region counts for a store.
  enum Role: Sendable, Hashable {
    case leader
    case peer
  }

  /// How far from the average a store must be.
  private static let deviation = 1.05
  /// The larger of the two loads must fall at least so far.
  private static let improvement = 0.95
  /// Regions of one store that one round looks at.
  private static let tries = 1000

  private struct Load {
    var bytes = 0.0
    var keys = 0.0

    /// The one by which stores are compared first: leaders cost requests, replicas cost bytes.
    func primary(_ role: Role) -> Double { role == .leader ? keys : bytes }

    func secondary(_ role: Role) -> Double { role == .leader ? bytes : keys }

    static func += (left: inout Load, right: Load) {
      left.bytes += right.bytes
      left.keys += right.keys
    }

    static func -= (left: inout Load, right: Load) {
      left.bytes -= right.bytes
      left.keys -= right.keys
    }
  }

  let view: SchedulingView
  let kind: FlowKind
  private let hot: [(id: UInt64, entry: HotRegions.Entry)]

  init(view: SchedulingView, kind: FlowKind) {
    self.view = view
    self.kind = kind
    hot = view.hotRegions[kind].hot(hits: view.config.hotRegions.hits)
  }

  /// One move at most: its effect is seen before the next is decided.
  func plan() -> (RegionRecord, SchedulingPlan)? {
    // A read moves with the leader; a leader that cannot move to a follower takes its replica along.
    switch kind {
    case .read: transferLeader() ?? moveReplica(.leader)
    case .write: moveReplica(.peer) ?? transferLeader()
    }
  }

  // MARK: Moves

  private func transferLeader() -> (RegionRecord, SchedulingPlan)? {
    let loads = loads(.leader)
    return search(.leader, loads) { record, rate, source in
      let targets = record.region.peers.filter { peer in
        peer.role == .voter && peer.storeID != source && view.isUsable(peer.storeID)
          && !view.evicting.contains(peer.storeID)
          && isBetter(.leader, loads, rate, from: source, to: peer.storeID)
      }
      let best = targets.min { left, right in
        (loads[left.storeID]?.keys ?? 0, left.storeID)
          < (loads[right.storeID]?.keys ?? 0, right.storeID)
      }
      return best.map { peer in
        plan(
          "transfer-hot-\(kind.rawValue)-leader", source, peer.storeID,
          .transferLeader(from: source, to: peer))
      }
    }
  }

  private func moveReplica(_ role: Role) -> (RegionRecord, SchedulingPlan)? {
    let loads = loads(role)
    return search(role, loads) { record, rate, source in
      guard let peer = record.region.peer(onStore: source), let store = view.stores[source],
        view.allows(.removePeer, store, record.approximateSize)
      else { return nil }
      let targets = view.balancedStores.filter { target in
        record.region.peer(onStore: target.id) == nil && !view.isLow(target)
          && isBetter(role, loads, rate, from: source, to: target.id)
          && view.mayReceive(target, record.approximateSize)
          && !view.breaksIsolation(target, record.region, without: peer)
          && view.isolation(ofStore: target.id, in: record.region, without: peer)
            >= view.isolation(of: peer, in: record.region)
      }
      let best = targets.min { left, right in
        (loads[left.id]?.primary(role) ?? 0, left.id) < (
          loads[right.id]?.primary(role) ?? 0, right.id
        )
      }
      return best.map { target in
        let rest = record.region.peers.filter { $0.id != peer.id }.map(\.storeID)
        return role == .leader
          ? plan(
            "move-hot-\(kind.rawValue)-leader", source, target.id,
            .relocate(stores: rest + [target.id], leader: target.id))
          : plan(
            "move-hot-\(kind.rawValue)-peer", source, target.id, .move(peer, store: target.id))
      }
    }
  }

  private func plan(
    _ name: String, _ source: UInt64, _ target: UInt64, _ change: SchedulingPlan.Change
  ) -> SchedulingPlan {
    SchedulingPlan(
      name, "store \(source) has more \(kind.rawValue) flow than the average, store \(target) less",
      .hotRegion, .high, change)
  }

  /// The first plan for a hot region of the stores above the average, those with the most flow first.
  private func search(
    _ role: Role, _ loads: [UInt64: Load],
    _ plan: (RegionRecord, Load, UInt64) -> SchedulingPlan?
  ) -> (RegionRecord, SchedulingPlan)? {
    guard loads.count > 1 else { return nil }
    let average = loads.values.map { $0.primary(role) }.sorted().reduce(0, +) / Double(loads.count)
    let sources = loads.filter { $0.value.primary(role) > average * Self.deviation }
      .sorted { ($0.value.primary(role), $0.key) > ($1.value.primary(role), $1.key) }
    for (source, _) in sources {
      for (id, entry) in ranked(role, source).prefix(Self.tries) {
        guard let record = view.regions.record(id: id), isMovable(record),
          let plan = plan(record, load(entry), source)
        else { continue }
        return (record, plan)
      }
    }
    return nil
  }

  /// The hot regions with that role on a store, those with the highest rate first.
  private func ranked(
    _ role: Role, _ store: UInt64
  ) -> [(id: UInt64, entry: HotRegions.Entry)] {
    hot.filter { id, _ in
      guard let record = view.regions.record(id: id) else { return false }
      return role == .leader
        ? record.leader?.storeID == store : record.region.peer(onStore: store) != nil
    }.sorted {
      (load($0.entry).primary(role), $1.id) > (load($1.entry).primary(role), $0.id)
    }
  }

  private func isMovable(_ record: RegionRecord) -> Bool {
    record.leader != nil && record.isHealthy && !record.isJoint
      && view.operators.isFree(record.id, at: view.now)
      && record.region.peers.count == view.maxReplicas
      && record.region.peers.allSatisfy { $0.role == .voter }
  }

  /// Whether the move brings two stores closer together in what is compared first, and leaves the rest no worse.
  private func isBetter(
    _ role: Role, _ loads: [UInt64: Load], _ rate: Load, from source: UInt64, to target: UInt64
  ) -> Bool {
    guard let giving = loads[source], let taking = loads[target] else { return false }
    func most(_ value: (Load) -> Double) -> (before: Double, after: Double) {
      (
        max(value(giving), value(taking)),
        max(value(giving) - value(rate), value(taking) + value(rate))
      )
    }
    let primary = most { $0.primary(role) }
    let secondary = most { $0.secondary(role) }
    return rate.primary(role) > 0 && primary.after <= primary.before * Self.improvement
      && secondary.after <= secondary.before * Self.deviation
  }

  // MARK: Loads

  private func load(_ entry: HotRegions.Entry) -> Load {
    Load(bytes: Double(entry.rate.bytes), keys: Double(entry.rate.keys))
  }

  /// The flow of hot regions on each usable store, once all running operators on them are finished.
  private func loads(_ role: Role) -> [UInt64: Load] {
    var loads = Dictionary(uniqueKeysWithValues: view.balancedStores.map { ($0.id, Load()) })
    for (id, entry) in hot {
      guard let record = view.regions.record(id: id) else { continue }
      let rate = load(entry)
      for store in stores(of: record, role) where loads[store] != nil {
        loads[store]? += rate
      }
    }
    return loads
  }

  private func stores(of record: RegionRecord, _ role: Role) -> [UInt64] {
    let running = view.operators[record.id]
    switch role {
    case .leader:
      return (running?.leaderMove?.to ?? record.leader?.storeID).map { [$0] } ?? []
    case .peer:
      let leaving = Set(running?.outgoingStores ?? [])
      let present = record.region.peers.map(\.storeID)
      let coming = (running?.incomingStores ?? []).filter { !present.contains($0) }
      return present.filter { !leaving.contains($0) } + coming
    }
  }
}
