import Runtime
import SimulationKit

/// Restarts processes that ended by themselves, as an init system does. A process that faults keep down stays
/// down until the last of them releases it.
final class Supervisor {
  private let context: FaultContext
  /// The faults that keep a machine's process down, by machine: 0 is the placement driver's.
  private var holds: [Int: [Int]] = [:]
  /// Since when a process is down that no fault keeps down.
  private var downSince: [Int: Instant] = [:]

  /// How long a process stays down the next time.
  private var delays: [Int: Duration] = [:]

  private static let interval = Duration.milliseconds(100)
  /// How long a process that ended by itself stays down.
  private static let restartDelay = Duration.milliseconds(600)

  init(_ context: FaultContext) {
    self.context = context
  }

  private var pd: SimulatedPD { context.cluster.pd }

  // MARK: Holding down

  /// The process stays down until the fault releases it.
  func hold(_ machine: SimulatedMachine, _ fault: PlannedFault) {
    holds[machine.number, default: []].append(fault.number)
  }

  /// The fault ends its hold; after the last one the process starts.
  func release(_ machine: SimulatedMachine, _ fault: PlannedFault) {
    holds[machine.number, default: []].removeAll { $0 == fault.number }
    context.ends(fault)
    guard !isHeld(machine) else { return }
    start(machine)
  }

  func isHeld(_ machine: SimulatedMachine) -> Bool { holds[machine.number]?.isEmpty == false }

  /// The next time the process is found down it stays so for a while.
  func delay(_ machine: SimulatedMachine, by pause: Duration) {
    delays[machine.number] = max(pause, delays[machine.number] ?? .zero)
  }

  // MARK: Starting

  /// Starts what is down, at intervals.
  func watch() {
    context.after(Self.interval) { [weak self] in
      guard let self else { return }
      for store in context.cluster.stores { check(store.machine, isDown: store.isDown) }
      check(pd.machine, isDown: !pd.machine.isRunning)
      watch()
    }
  }

  private func check(_ machine: SimulatedMachine, isDown: Bool) {
    guard isDown, !isHeld(machine) else {
      downSince[machine.number] = nil
      return
    }
    let since = downSince[machine.number] ?? context.scheduler.now
    downSince[machine.number] = since
    if context.scheduler.now - since >= delays[machine.number] ?? Self.restartDelay {
      start(machine)
    }
  }

  private func start(_ machine: SimulatedMachine) {
    downSince[machine.number] = nil
    delays[machine.number] = nil
    if machine === pd.machine {
      // What is left of a driver that ended itself is cleared away first.
      if !machine.isRunning { pd.stop(losingUnsynced: true) }
      if !machine.isRunning { pd.start() }
    } else if let store = context.cluster.stores.first(where: { $0.machine === machine }),
      store.isDown
    {
      store.start()
    }
  }

  /// Everything runs; called again while healed, since processes may still end themselves.
  func startAll() {
    holds = [:]
    for store in context.cluster.stores { start(store.machine) }
    if !pd.machine.isRunning { start(pd.machine) }
  }
}
