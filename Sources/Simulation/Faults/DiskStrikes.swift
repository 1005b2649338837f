import Runtime

/// Disks that fail, are full, slow or stand still; and machines that die in the middle of a write.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class DiskStrikes: @unchecked Sendable {
  private let ground: FaultGround
  private let supervisor: Supervisor
  /// What slows a machine's disk down, or keeps it full.
  private var burdens: [(fault: Int, kind: FaultKind, machine: Int, by: Duration)] = []

  init(_ ground: FaultGround, _ supervisor: Supervisor) {
    self.ground = ground
    self.supervisor = supervisor
  }

  func strike(_ fault: PlannedFault) {
    let store = ground.store(fault.dice[0])
    switch fault.kind {
    case .writeError: fail(.write, fault, store, within: 60)
    case .syncError: fail(.sync, fault, store, within: 30)
    case .readError: fail(.read, fault, store, within: 100)
    case .dieAtWrite: die(fault, store)
    default: burden(fault, store)
    }
  }

  func heal() {
    burdens = []
    for store in ground.cluster.stores {
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
    let healthy = Int(fault.dice[1] % most)
    store.disk.faults.healthy[operation] = healthy
    ground.strikes(fault, "\(store.machine.name) after \(healthy) good ones")
  }

  /// The machine dies at one of its next writes or barriers, and comes back after a while.
  private func die(_ fault: PlannedFault, _ store: SimulatedStore) {
    guard store.disk.faults.deathIn == nil, store.machine.isRunning else { return }
    let healthy = Int(fault.dice[1] % 100)
    store.disk.faults.deathIn = (healthy, fault.dice[2] & 1 == 0 ? .before : .after)
    ground.strikes(fault, "\(store.machine.name) after \(healthy) good ones")
    supervisor.delay(store.machine, by: fault.lasts)
  }

  // MARK: What lasts

  private func burden(_ fault: PlannedFault, _ store: SimulatedStore) {
    let by: Duration =
      switch fault.kind {
      case .slowDisk: .microseconds(Int64(500 + fault.dice[1] % 200_000))
      case .hang: fault.lasts
      default: .zero
      }
    burdens.append((fault.number, fault.kind, store.number, by))
    ground.strikes(fault, "\(store.machine.name) for \(fault.lasts)")
    recompute(store)
    ground.after(fault.lasts) { [weak self] in
      guard let self else { return }
      burdens.removeAll { $0.fault == fault.number }
      recompute(store)
      ground.ends(fault)
    }
    if fault.kind == .hang {
      let end = ground.scheduler.now + fault.lasts
      store.machine.slowness.hangsUntil = max(end, store.machine.slowness.hangsUntil ?? end)
    }
  }

  private func recompute(_ store: SimulatedStore) {
    let own = burdens.filter { $0.machine == store.number }
    store.machine.slowness.disk = own.filter { $0.kind == .slowDisk }.map(\.by).max() ?? .zero
    store.disk.faults.isFull = own.contains { $0.kind == .full }
  }
}
