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
  private let disks: DiskStrikes
  private let decay: SnapshotDecay
  private let losses: PermanentLosses
  private let unrest: Unrest

  /// - Parameter clients: how many there are; faults cut them off too.
  package init(_ cluster: SimulatedCluster, clients: Int) {
    self.cluster = cluster
    ground = FaultGround(cluster, clients: clients)
    supervisor = Supervisor(ground)
    network = NetworkFaults(ground)
    processes = ProcessFaults(ground, supervisor)
    let limits = FaultLimits(cluster.shape.raftstore)
    clocks = ClockFaults(ground, limits)
    driver = DriverFaults(ground, supervisor)
    disks = DiskStrikes(ground, supervisor)
    decay = SnapshotDecay(ground)
    losses = PermanentLosses(ground, supervisor, limits)
    unrest = Unrest(ground, losses)
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
    case .dieAtWrite, .writeError, .syncError, .readError, .slowDisk, .hang, .full:
      disks.strike(fault)
    case .bitFlip:
      if fault.dice[0] & 2 == 0 { decay.strike(fault) } else { losses.strike(fault) }
    case .wipe:
      losses.strike(fault)
    case .transferLeader, .changeMembers, .compactLog:
      unrest.strike(fault)
    }
  }

  /// Ends all trouble: whatever is down is started, whatever is broken is mended.
  package func heal() {
    ground.finish()
    network.heal()
    clocks.heal()
    driver.heal()
    disks.heal()
    processes.heal()
    losses.heal()
    supervisor.startAll()
  }

  /// Called now and then while healed: a process that ended itself is started again.
  package func keepUp() { supervisor.startAll() }
}
