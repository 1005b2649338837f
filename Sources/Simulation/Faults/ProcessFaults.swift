import Runtime

/// What befalls the processes of stores, and the machines below them.
///
/// Safety of `@unchecked Sendable`: belongs to the one thread of its scheduler.
final class ProcessFaults: @unchecked Sendable {
  private let ground: FaultGround
  private let supervisor: Supervisor
  /// The processes that stand still, and the faults that want them to.
  private var pauses: [(fault: Int, process: SimulatedProcess)] = []

  init(_ ground: FaultGround, _ supervisor: Supervisor) {
    self.ground = ground
    self.supervisor = supervisor
  }

  func strike(_ fault: PlannedFault) {
    switch fault.kind {
    case .kill: end(fault, .killed)
    case .powerLoss: end(fault, .powerLost)
    case .restart: restart(fault)
    case .pause: pause(fault)
    default: dieInRecovery(fault)
    }
  }

  func heal() {
    let paused = pauses
    pauses = []
    for entry in paused where entry.process.isAlive { ground.scheduler.resume(entry.process) }
  }

  // MARK: Ending

  /// Processes end: mostly one, now and then all at once, as when a rack loses power.
  private func end(_ fault: PlannedFault, _ end: SimulatedStore.End) {
    let victims = fault.dice[1] % 8 == 0 ? ground.cluster.stores : [ground.store(fault.dice[0])]
    ground.strikes(fault, victims.map(\.machine.name).joined(separator: ", "))
    var dice = SplitMix64(seed: fault.dice[2])
    for victim in victims {
      self.end(victim, end, &dice)
      supervisor.hold(victim.machine, fault)
      // They do not all come back at the same moment.
      let late = Duration.milliseconds(
        victims.count > 1 ? Int64.random(in: 0...1_000, using: &dice) : 0)
      ground.after(fault.lasts + late) { [supervisor] in
        supervisor.release(victim.machine, fault)
      }
    }
  }

  private func end(
    _ store: SimulatedStore, _ end: SimulatedStore.End, _ dice: inout SplitMix64
  ) {
    store.end(end)
    guard end == .powerLost, !store.machine.isRunning else { return }
    // A machine's monotonic clock counts from its start: in its next life it is anywhere.
    store.machine.clock.jump(.milliseconds(Int64.random(in: 0...1_000_000, using: &dice)))
  }

  /// An operator stops a store in good order, its leaders handing over first, and starts it again.
  private func restart(_ fault: PlannedFault) {
    let store = ground.store(fault.dice[0])
    guard store.isUp, store.store != nil else { return }
    ground.strikes(fault, store.machine.name)
    let process = store.machine.process
    store.store?.resign()
    // Now and then without the patience to wait for that.
    let patience = fault.dice[1] % 4 == 0 ? Duration.zero : .milliseconds(100)
    ground.after(patience) { [supervisor, ground] in
      guard store.machine.process === process, store.isUp else { return ground.ends(fault) }
      store.end(.stopped)
      supervisor.hold(store.machine, fault)
      ground.after(min(fault.lasts, .seconds(2))) { supervisor.release(store.machine, fault) }
    }
  }

  // MARK: Standing still

  private func pause(_ fault: PlannedFault) {
    let store = ground.store(fault.dice[0])
    guard let process = store.machine.process, process.isAlive else { return }
    ground.strikes(fault, store.machine.name)
    process.isPaused = true
    pauses.append((fault.number, process))
    ground.after(fault.lasts) { [weak self] in
      guard let self else { return }
      pauses.removeAll { $0.fault == fault.number }
      ground.ends(fault)
      guard process.isAlive, !pauses.contains(where: { $0.process === process }) else { return }
      ground.scheduler.resume(process)
    }
  }

  // MARK: Dying while coming back

  /// A store dies, and dies again each time it starts, a little way into its recovery.
  private func dieInRecovery(_ fault: PlannedFault) {
    let store = ground.store(fault.dice[0])
    ground.strikes(fault, store.machine.name)
    supervisor.hold(store.machine, fault)
    var dice = SplitMix64(seed: fault.dice[1])
    end(store, dice.next() & 1 == 0 ? .killed : .powerLost, &dice)
    recover(store, fault, dice, rounds: 1 + Int(fault.dice[2] % 5))
  }

  private func recover(
    _ store: SimulatedStore, _ fault: PlannedFault, _ dice: SplitMix64, rounds: Int
  ) {
    var dice = dice
    guard rounds > 0 else { return supervisor.release(store.machine, fault) }
    ground.after(.milliseconds(Int64.random(in: 5...300, using: &dice))) { [weak self] in
      guard let self else { return }
      guard store.isDown else { return supervisor.release(store.machine, fault) }
      // Either at a certain write or barrier, or at a certain time.
      if dice.next() & 1 == 0 {
        store.disk.faults.deathIn = (
          Int.random(in: 0...30, using: &dice), dice.next() & 1 == 0 ? .before : .after
        )
      }
      store.start()
      let end: SimulatedStore.End = dice.next() & 1 == 0 ? .killed : .powerLost
      let life = Duration.microseconds(Int64.random(in: 0...20_000, using: &dice))
      ground.after(life) { [weak self] in
        guard let self else { return }
        self.end(store, end, &dice)
        recover(store, fault, dice, rounds: rounds - 1)
      }
    }
  }
}
