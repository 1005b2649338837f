import Runtime

/// Strikes a cluster with planned faults, and never with more than it promises to survive.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class Nemesis: @unchecked Sendable {
  private let cluster: SimulatedCluster
  private var scheduler: Scheduler { cluster.scheduler }
  /// Faults that struck, by kind.
  package private(set) var struck: [FaultKind: Int] = [:]
  /// From here on nothing strikes any more.
  private var isOver = false

  package init(_ cluster: SimulatedCluster) {
    self.cluster = cluster
  }

  /// Has every fault of the plan strike in its time.
  package func begin(_ plan: FaultPlan) {
    for fault in plan.faults {
      scheduler.after(fault.at) { [weak self] in self?.strike(fault) }
    }
  }

  private func strike(_ fault: PlannedFault) {
    guard !isOver else { return }
    struck[fault.kind, default: 0] += 1
    scheduler.note(
      .fault, UInt64(fault.number), "fault \(fault.number): \(fault.kind.rawValue)")
    switch fault.kind {
    case .kill: kill(fault, .killed)
    case .powerLoss: kill(fault, .powerLost)
    default: struck[fault.kind, default: 0] -= 1
    }
  }

  private func kill(_ fault: PlannedFault, _ end: SimulatedStore.End) {
    let store = cluster.stores[Int(fault.dice[0] % UInt64(cluster.stores.count))]
    store.end(end)
    scheduler.after(fault.lasts) { [weak self] in
      guard let self, store.isDown, !isOver else { return }
      store.start()
    }
  }

  /// Ends all trouble: whatever is down is started, whatever is broken is mended.
  package func heal() {
    isOver = true
    cluster.network.healAll()
    for store in cluster.stores {
      store.disk.faults.heal()
      if let process = store.machine.process, process.isPaused { scheduler.resume(process) }
      if store.isDown { store.start() }
    }
    if !cluster.driver.machine.isRunning { cluster.driver.start() }
  }

  /// Called now and then while healed: a process that ended itself is started again.
  package func keepUp() {
    for store in cluster.stores where store.isDown { store.start() }
  }
}
