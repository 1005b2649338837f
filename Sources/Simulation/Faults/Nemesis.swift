import Runtime

/// Strikes a cluster with planned faults, and never with more than it promises to survive.
///
/// A fault decides whom it strikes, by its own dice, in the moment it does. Several may be on at a time,
/// on the same target too: each kind's room keeps what is on and works out what it comes to, so that the
/// end of one fault never ends another.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
package final class Nemesis: @unchecked Sendable {
  private let cluster: SimulatedCluster
  private let ground: FaultGround
  private let supervisor: Supervisor
  private let network: NetworkFaults
  private let processes: ProcessFaults
  private let clocks: ClockFaults
  private let driver: DriverFaults

  /// - Parameter clients: how many there are; faults cut them off too.
  package init(_ cluster: SimulatedCluster, clients: Int) {
    self.cluster = cluster
    ground = FaultGround(cluster, clients: clients)
    supervisor = Supervisor(ground)
    network = NetworkFaults(ground)
    processes = ProcessFaults(ground, supervisor)
    clocks = ClockFaults(ground, FaultLimits(cluster.shape.raftstore))
    driver = DriverFaults(ground, supervisor)
  }

  /// Faults that struck, by kind.
  package var struck: [FaultKind: Int] { ground.struck }

  /// Has every fault of the plan strike in its time.
  package func begin(_ plan: FaultPlan) {
    for fault in plan.faults {
      ground.after(fault.at) { [weak self] in self?.strike(fault) }
    }
    if plan.faults.contains(where: { $0.kind == .driverStale }) { driver.remember() }
    supervisor.watch()
    if !plan.faults.isEmpty { ground.watch() }
  }

  private func strike(_ fault: PlannedFault) {
    switch fault.kind {
    case .loss, .delay, .reorder, .duplicate, .partition, .oneWay, .slowLink, .reset:
      network.strike(fault)
    case .kill, .powerLoss, .pause, .restart, .dieInRecovery:
      processes.strike(fault)
    case .skew, .drift:
      clocks.strike(fault)
    case .driverDead, .driverRestart, .driverSlow, .driverStale:
      driver.strike(fault)
    default: break
    }
  }

  /// Ends all trouble: whatever is down is started, whatever is broken is mended.
  package func heal() {
    ground.finish()
    network.heal()
    clocks.heal()
    driver.heal()
    for store in cluster.stores {
      store.disk.faults.heal()
      store.machine.slowness = SimulatedMachine.Slowness()
    }
    processes.heal()
    supervisor.startAll()
  }

  /// Called now and then while healed: a process that ended itself is started again.
  package func keepUp() { supervisor.startAll() }
}
