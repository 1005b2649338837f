import Runtime
package import SimulationKit

/// Injects planned faults into a cluster, never beyond `FaultLimits`.
///
/// A fault chooses its target by its own random values, in the moment it is injected. Several may be active at
/// a time, on the same target too: each kind keeps what is active and computes the effect of all, so that the
/// end of one fault never ends another.
package final class SimulatedNemesis {
  private let cluster: SimulatedCluster
  private let context: FaultContext
  private let supervisor: Supervisor
  private let network: NetworkFaults
  private let processes: ProcessFaults
  private let clocks: ClockFaults
  private let pd: PDFaults
  private let disks: DiskFaultInjector
  private let corruption: SnapshotCorruption
  private let losses: PermanentLosses
  private let churn: RegionChurn

  /// - Parameter clients: how many there are; faults cut them off too.
  package init(_ cluster: SimulatedCluster, clients: Int) {
    self.cluster = cluster
    context = FaultContext(cluster, clients: clients)
    supervisor = Supervisor(context)
    network = NetworkFaults(context)
    processes = ProcessFaults(context, supervisor)
    let limits = FaultLimits(cluster.shape.raftstore)
    clocks = ClockFaults(context, limits)
    pd = PDFaults(context, supervisor)
    disks = DiskFaultInjector(context, supervisor)
    losses = PermanentLosses(context, supervisor, limits)
    corruption = SnapshotCorruption(context, losses)
    churn = RegionChurn(context, losses)
  }

  /// Faults that were injected, by kind.
  package var injected: [FaultKind: Int] { context.injected }

  /// Injects every fault of the plan at its time.
  package func begin(_ plan: FaultPlan) {
    for fault in plan.faults {
      context.after(fault.at) { [weak self] in self?.inject(fault) }
    }
    if plan.faults.contains(where: { $0.kind == .pdStale }) { pd.remember() }
    supervisor.watch()
    if !plan.faults.isEmpty { context.watch() }
  }

  private func inject(_ fault: PlannedFault) {
    switch fault.kind {
    case .loss, .delay, .reorder, .duplicate, .partition, .oneWay, .slowLink, .reset:
      network.inject(fault)
    case .kill, .powerLoss, .pause, .restart, .dieInRecovery:
      processes.inject(fault)
    case .skew, .drift:
      clocks.inject(fault)
    case .pdDown, .pdRestart, .pdSlow, .pdStale:
      pd.inject(fault)
    case .dieAtWrite, .writeError, .syncError, .readError, .slowDisk, .hang, .full:
      disks.inject(fault)
    case .bitFlip:
      if fault.randomValues[0] & 2 == 0 { corruption.inject(fault) } else { losses.inject(fault) }
    case .wipe, .alterData:
      losses.inject(fault)
    case .transferLeader, .changeMembers, .compactLog, .split, .jointChange, .merge:
      churn.inject(fault)
    case .quiet: context.quiet(fault)
    }
  }

  /// How long a client that would call now is to wait.
  package var pause: Duration { context.pause }

  /// Ends all faults: starts what is down and replaces what is damaged.
  package func heal() {
    context.finish()
    network.heal()
    clocks.heal()
    pd.heal()
    disks.heal()
    processes.heal()
    losses.heal()
    supervisor.startAll()
  }

  /// Starts processes that ended themselves after `heal`.
  package func restartStopped() { supervisor.startAll() }
}
