import Runtime
import SimulationKit

/// Disks that fail, are full, slow or hang; and machines that crash during a write.
final class DiskFaultInjector {
  private let context: FaultContext
  private let supervisor: Supervisor
  /// What slows a machine's disk down, or keeps it full.
  private var loads: [(fault: Int, kind: FaultKind, machine: Int, by: Duration)] = []

  init(_ context: FaultContext, _ supervisor: Supervisor) {
    self.context = context
    self.supervisor = supervisor
  }

  func inject(_ fault: PlannedFault) {
    let store = context.store(fault.randomValues[0])
    switch fault.kind {
    case .writeError: fail(.write, fault, store, within: 60)
    case .syncError: fail(.sync, fault, store, within: 30)
    case .readError: fail(.read, fault, store, within: 100)
    case .dieAtWrite: die(fault, store)
    case .slowDisk, .hang, .full: load(fault, store)
    default: preconditionFailure("\(fault.kind) belongs to another class")
    }
  }

  func heal() {
    loads = []
    for store in context.cluster.stores {
      store.disk.faults.heal()
      store.machine.slowness = SimulatedMachine.Slowness()
    }
  }

  // MARK: Failures

  /// One of the next operations of a kind fails. One that waits to fail already is left alone.
  private func fail(
    _ operation: DiskFaults.Operation, _ fault: PlannedFault, _ store: SimulatedStore,
    within most: UInt64
  ) {
    guard store.disk.faults.healthy[operation] == nil else { return }
    let healthy = Int(fault.randomValues[1] % most)
    store.disk.faults.healthy[operation] = healthy
    context.injects(fault, "\(store.machine.name) after \(healthy) operations")
  }

  /// The machine crashes at one of its next writes or barriers, and comes back after a while.
  private func die(_ fault: PlannedFault, _ store: SimulatedStore) {
    guard store.disk.faults.crashAfter == nil, store.machine.isRunning else { return }
    let healthy = Int(fault.randomValues[1] % 100)
    store.disk.faults.crashAfter = (healthy, fault.randomValues[2] & 1 == 0 ? .before : .after)
    context.injects(fault, "\(store.machine.name) after \(healthy) operations")
    supervisor.delay(store.machine, by: fault.lasts)
  }

  // MARK: Loads

  private func load(_ fault: PlannedFault, _ store: SimulatedStore) {
    let by: Duration =
      switch fault.kind {
      case .slowDisk: .microseconds(Int64(500 + fault.randomValues[1] % 200_000))
      case .hang: fault.lasts
      case .full: .zero
      default: preconditionFailure("\(fault.kind) belongs to another class")
      }
    loads.append((fault.number, fault.kind, store.number, by))
    context.injects(fault, "\(store.machine.name) for \(fault.lasts)")
    recompute(store)
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      loads.removeAll { $0.fault == fault.number }
      recompute(store)
      context.ends(fault)
    }
    if fault.kind == .hang {
      let end = context.scheduler.now + fault.lasts
      store.machine.slowness.hangsUntil = max(end, store.machine.slowness.hangsUntil ?? end)
    }
  }

  private func recompute(_ store: SimulatedStore) {
    let own = loads.filter { $0.machine == store.number }
    store.machine.slowness.disk = own.filter { $0.kind == .slowDisk }.map(\.by).max() ?? .zero
    store.disk.faults.isFull = own.contains { $0.kind == .full }
  }
}
