import Codec

@testable import PlacementDriver

/// Stores with given numbers of replicas and leaders, and a few regions of which a scheduler decides. Nothing moves: the
/// schedulers' plans are read.
final class OutcomeWorld {
  /// Bytes of every region.
  private static let size: UInt64 = 10 << 20

  let fixture: PDFixture
  private var regions: [Region] = []
  private var stores: Set<UInt64> = [1]

  /// - Parameter load: regions of one replica on each store, which never move, led by it.
  init(
    _ load: [UInt64: Int], maxReplicas: Int = 3, _ change: (inout PDConfig) -> Void = { _ in }
  ) throws {
    fixture = try PDFixture { config in
      config.maxReplicas = maxReplicas
      config.replicas.makesUpReplicas = false
      config.replicas.removesExtraReplicas = false
      config.replicas.removesDownReplicas = false
      config.replicas.replacesOfflineReplicas = false
      change(&config)
    }
    try fixture.bootstrap()
    try fixture.core.setLimit(nil, rate: StoreLimits.unlimited, direction: nil)
    for (store, count) in load.sorted(by: { $0.key < $1.key }) {
      if stores.insert(store).inserted { try fixture.put(store) }
      for _ in 0..<count { try add([store], start: "m") }
    }
    for store in stores { try fixture.beat(store) }
  }

  /// Adds a region with replicas on these stores; the first leads.
  @discardableResult
  func add(_ stores: [UInt64], pending: [UInt64] = [], start: String = "a") throws -> UInt64 {
    let number = 1000 + regions.count
    let made = region(
      UInt64(number), start + "\(number)", start + "\(number + 1)", version: 50, conf: 5,
      stores: stores)
    regions.append(made)
    try fixture.beat(made, leader: stores[0], pending: pending, size: Self.size)
    return made.id
  }

  /// Time passes in which all stores but these report.
  func silence(_ silent: Set<UInt64>, seconds: Double) throws {
    fixture.pass(seconds)
    for store in stores.subtracting(silent) { try fixture.beat(store) }
  }

  func removeStore(_ id: UInt64) throws {
    try fixture.core.removeStore(id, isDestroyed: true, fixture.reading)
  }

  // MARK: Plans

  private var view: SchedulingView { fixture.core.view(at: fixture.reading.now) }

  /// The first replica that region balancing would move, as "from->to"; nil if none. Regions are looked at in key order,
  /// those added last first.
  func move() -> String? {
    var (balancer, cursors) = (RegionBalancer(view: view), RegionCursors())
    let plan = balancer.plans(limit: 1, &cursors).first?.1
    guard case .move(let peer, let store) = plan?.change else { return nil }
    return "\(peer.storeID)->\(store)"
  }

  /// The first leader that leader balancing would move.
  func transfer() -> String? {
    var (balancer, cursors) = (LeaderBalancer(view: view), RegionCursors())
    let plan = balancer.plans(limit: 1, &cursors).first?.1
    guard case .transferLeader(let from, let peer) = plan?.change else { return nil }
    return "\(from)->\(peer.storeID)"
  }

  /// What the replica checker would do with a region of replicas on these stores, the first of which leads.
  func check(_ stores: UInt64...) -> String? {
    var config = fixture.core.config
    config.replicas = ReplicaRules()
    let now = fixture.reading.now
    let core = fixture.core
    let view = SchedulingView(
      regions: core.regions, stores: core.stores, operators: core.operators, limits: core.limits,
      config: config, maxReplicas: core.maxReplicas, evicting: [],
      hotRegions: HotRegionTable(), now: now)
    var record = RegionRecord(region(7, "x", "y", stores: stores))
    record.leader = record.region.peers.first
    switch ReplicaChecker(view: view).check(record)?.change {
    case .add(let store): return "add \(store)"
    case .remove(let peer): return "remove \(peer.storeID)"
    case nil: return nil
    case let change?: return "\(change)"
    }
  }
}
