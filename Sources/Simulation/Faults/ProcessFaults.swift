import Runtime
import SimulationKit

/// Faults of the processes of stores, and the machines below them.
final class ProcessFaults {
  private let context: FaultContext
  private let supervisor: Supervisor
  /// The paused processes, and the faults that paused them.
  private var pauses: [(fault: Int, process: SimulatedProcess)] = []

  init(_ context: FaultContext, _ supervisor: Supervisor) {
    self.context = context
    self.supervisor = supervisor
  }

  func inject(_ fault: PlannedFault) {
    switch fault.kind {
    case .kill: end(fault, .killed)
    case .powerLoss: end(fault, .powerLost)
    case .restart: restart(fault)
    case .pause: pause(fault)
    case .dieInRecovery: dieInRecovery(fault)
    default: preconditionFailure("\(fault.kind) belongs to another class")
    }
  }

  func heal() {
    let paused = pauses
    pauses = []
    for entry in paused where entry.process.isAlive { context.scheduler.resume(entry.process) }
  }

  // MARK: Ends

  /// Processes end: mostly one, now and then all at once, as when a rack loses power.
  private func end(_ fault: PlannedFault, _ end: SimulatedStore.End) {
    let victims =
      fault.randomValues[1] % 8 == 0
      ? context.cluster.stores : [context.store(fault.randomValues[0])]
    context.injects(fault, victims.map(\.machine.name).joined(separator: ", "))
    var randomValues = SplitMix64(seed: fault.randomValues[2])
    for victim in victims {
      self.end(victim, end, &randomValues)
      supervisor.hold(victim.machine, fault)
      // They do not all come back at the same moment.
      let late = Duration.milliseconds(
        victims.count > 1 ? Int64.random(in: 0...1_000, using: &randomValues) : 0)
      context.after(fault.lasts + late) { [supervisor] in
        supervisor.release(victim.machine, fault)
      }
    }
  }

  private func end(
    _ store: SimulatedStore, _ end: SimulatedStore.End, _ randomValues: inout SplitMix64
  ) {
    store.end(end)
    guard end == .powerLost, !store.machine.isRunning else { return }
    // A machine's monotonic clock counts from its start: after the next start it may be anything.
    store.machine.clock.jump(.milliseconds(Int64.random(in: 0...1_000_000, using: &randomValues)))
  }

  /// An operator stops a store in good order, its leaders transferring leadership first, and starts it
  /// again.
  private func restart(_ fault: PlannedFault) {
    let store = context.store(fault.randomValues[0])
    guard store.isUp, store.store != nil else { return }
    context.injects(fault, store.machine.name)
    let process = store.machine.process
    store.store?.evictLeaders()
    // Sometimes without waiting for that.
    let wait = fault.randomValues[1] % 4 == 0 ? Duration.zero : .milliseconds(100)
    context.after(wait) { [supervisor, context] in
      guard store.machine.process === process, store.isUp else { return context.ends(fault) }
      store.end(.stopped)
      supervisor.hold(store.machine, fault)
      context.after(min(fault.lasts, .seconds(2))) { supervisor.release(store.machine, fault) }
    }
  }

  // MARK: Pauses

  private func pause(_ fault: PlannedFault) {
    let store = context.store(fault.randomValues[0])
    guard let process = store.machine.process, process.isAlive else { return }
    context.injects(fault, store.machine.name)
    process.isPaused = true
    pauses.append((fault.number, process))
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      pauses.removeAll { $0.fault == fault.number }
      context.ends(fault)
      guard process.isAlive, !pauses.contains(where: { $0.process === process }) else { return }
      context.scheduler.resume(process)
    }
  }

  // MARK: Death in recovery

  /// A store dies, and dies again each time it starts, a little way into its recovery.
  private func dieInRecovery(_ fault: PlannedFault) {
    let store = context.store(fault.randomValues[0])
    context.injects(fault, store.machine.name)
    supervisor.hold(store.machine, fault)
    var randomValues = SplitMix64(seed: fault.randomValues[1])
    end(store, randomValues.next() & 1 == 0 ? .killed : .powerLost, &randomValues)
    recover(store, fault, randomValues, rounds: 1 + Int(fault.randomValues[2] % 5))
  }

  private func recover(
    _ store: SimulatedStore, _ fault: PlannedFault, _ randomValues: SplitMix64, rounds: Int
  ) {
    var randomValues = randomValues
    guard rounds > 0 else { return supervisor.release(store.machine, fault) }
    context.after(.milliseconds(Int64.random(in: 5...300, using: &randomValues))) { [weak self] in
      guard let self else { return }
      guard store.isDown else { return supervisor.release(store.machine, fault) }
      // Either at a certain write or barrier, or at a certain time.
      if randomValues.next() & 1 == 0 {
        store.disk.faults.crashAfter = (
          Int.random(in: 0...30, using: &randomValues),
          randomValues.next() & 1 == 0 ? .before : .after
        )
      }
      store.start()
      let end: SimulatedStore.End = randomValues.next() & 1 == 0 ? .killed : .powerLost
      let uptime = Duration.microseconds(Int64.random(in: 0...20_000, using: &randomValues))
      context.after(uptime) { [weak self] in
        guard let self else { return }
        self.end(store, end, &randomValues)
        recover(store, fault, randomValues, rounds: rounds - 1)
      }
    }
  }
}
