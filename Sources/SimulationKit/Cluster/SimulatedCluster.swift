package import Codec
package import Engine
package import Logging
package import PlacementDriver
package import Raftstore
import Runtime

/// A whole cluster in one thread: a placement driver, stores, the network between them.
package final class SimulatedCluster {
  /// How large it is, and how it is set up.
  package struct Shape: Sendable {
    package var stores = 3
    package var replicas = 3
    /// Regions from the start, cut at `boundaries`.
    package var boundaries: [[UInt8]] = []
    package var raftstore = RaftstoreConfig()
    package var placement = PDConfig(advertiseClientURLs: ["http://pd:2379"])
    /// What the raft logs of the stores are made of.
    package var log = SimulatedLog.memory

    package init() {}
  }

  package let shape: Shape
  package let clusterID: UInt64
  package let scheduler: SimulationScheduler
  package let network: SimulatedNetwork
  package let directory = StoreDirectory()
  package let pd: SimulatedPD
  package private(set) var stores: [SimulatedStore] = []

  package init(
    _ shape: Shape, scheduler: SimulationScheduler, parts: StoreInterposers, logger: Logger,
    seed: UInt64
  ) throws(EngineError) {
    self.shape = shape
    self.scheduler = scheduler
    network = SimulatedNetwork(scheduler: scheduler)
    clusterID = seed >> 1 | 1
    pd = try SimulatedPD(
      scheduler: scheduler, network: network, config: shape.placement, clusterID: clusterID)
    let (pd, network) = (pd, network)
    for number in 1...shape.stores {
      stores.append(
        try SimulatedStore(
          number: number,
          SimulatedStore.StoreDependencies(
            scheduler: scheduler, network: network, directory: directory,
            makePDClient: { SimulatedPDClient(process: $0, pd: pd) },
            config: shape.raftstore, parts: parts, logger: logger, seed: seed, log: shape.log)))
    }
  }

  package func store(on process: SimulatedProcess) -> SimulatedStore? {
    stores.first { $0.machine === process.machine && $0.machine.process === process }
  }

  package func store(id: UInt64) -> SimulatedStore? {
    stores.first { $0.store?.storeID == id }
  }

  // MARK: Start

  /// Starts everything, and waits until every region has its replicas.
  ///
  /// - Returns: false if that does not happen within `limit`.
  package func bootstrap(within limit: Duration) throws -> Bool {
    let end = scheduler.now + limit
    pd.start()
    guard let first = stores.first else { return false }
    first.start()
    scheduler.run(until: end) { self.leads(first) }
    guard leads(first) else { return false }
    if !shape.boundaries.isEmpty { try split(first, until: end) }
    for store in stores.dropFirst() { store.start() }
    while scheduler.now < end {
      if isWhole { return true }
      scheduler.run(until: scheduler.now + .milliseconds(50))
    }
    return isWhole
  }

  private func leads(_ store: SimulatedStore) -> Bool {
    guard let running = store.store else { return false }
    return running.meta.regions.contains { running.meta.delegate($0.id) != nil }
  }

  /// Cuts the first region, which only the first store has, while that is stopped.
  private func split(_ first: SimulatedStore, until end: Instant) throws {
    var ids: [UInt64] = []
    let asker = SimulatedMachine(number: 999, name: "bootstrap", scheduler: scheduler)
    let process = asker.startProcess()
    let count = UInt64(2 * shape.boundaries.count)
    pd.call(from: process, timeout: .seconds(5)) { (core, _) throws(PDError) in
      try core.allocateIDs(count)
    } _: { result in
      if case .success(let last) = result { ids = Array((last - count + 1)...last) }
    }
    scheduler.run(until: end) { !ids.isEmpty }
    first.end(.stopped)
    try PreSplit(boundaries: shape.boundaries, ids: ids).apply(engine: first.disk.engine) {
      try first.disk.writeLogOffline($0)
    }
    first.start()
    scheduler.run(until: end) { first.store != nil }
  }

  /// Whether every region has all its replicas, on stores that run, and no learner.
  package var isWhole: Bool { incompleteness == nil }

  /// What the first region that is not whole lacks; nil when all are.
  package var incompleteness: String? {
    let regions = newestRegions()
    if let gap = KeyRange.all.subtracting(regions.map(\.range)).first {
      return "no region that is known holds \(gap)"
    }
    for region in regions {
      if region.peers.count != shape.replicas { return "\(region) has not \(shape.replicas) peers" }
      for peer in region.peers {
        guard peer.role == .voter else { return "\(peer) of \(region) is not a voter" }
        guard let store = store(id: peer.storeID)?.store else {
          return "store \(peer.storeID) of \(region) does not run"
        }
        guard let held = store.meta.held(region.id) else {
          return "\(peer) of \(region) is not there"
        }
        guard held.region == region else { return "\(peer) has only \(held.region) of \(region)" }
        guard !store.meta.damagedRegions.contains(region.id) else {
          return "\(peer) of \(region) is damaged"
        }
      }
    }
    return nil
  }

  /// Each region as the stores that run know it at its latest epoch, by id.
  package func newestRegions() -> [Region] {
    var newest: [UInt64: Region] = [:]
    for store in stores {
      for region in store.store?.meta.regions ?? [] {
        if let known = newest[region.id], region.epoch.isStale(comparedTo: known.epoch) {
          continue
        }
        newest[region.id] = region
      }
    }
    return newest.values.sorted { $0.id < $1.id }
  }

  // MARK: Inspection

  /// Asks all running stores for the status of their replicas and passes the responses to `body` five
  /// milliseconds later. Stores that could not respond by then are left out.
  package func inspect(_ body: @escaping (ClusterView) -> Void) {
    // By the number of the store's machine; each shard responds.
    let responses = ThreadBound<[Int: [RegionStatus]]>([:])
    var incarnations: [Int: UInt64] = [:]
    for store in stores where store.isUp {
      let number = store.number
      incarnations[number] = store.machine.incarnation
      store.store?.inspect(nil) { responses.value[number, default: []] += $0 }
    }
    scheduler.after(.milliseconds(5)) { [self, incarnations] in
      body(
        ClusterView(
          cluster: self, replicas: responses.value, incarnations: incarnations))
    }
  }

  // MARK: End

  /// Ends all processes, so that nothing is kept alive.
  package func shutDown() {
    for store in stores { store.end(.killed) }
    pd.stop(losingUnsynced: false)
    scheduler.discardAll()
  }
}
