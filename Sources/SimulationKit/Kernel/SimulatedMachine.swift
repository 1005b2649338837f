package import Runtime

/// A machine of the simulated network: a clock, and at most one process at a time.
package final class SimulatedMachine: Sendable {
  /// Unique in a run; the placement driver's is 0, stores count from 1, clients from 1000.
  package let number: Int
  package let name: String
  package let scheduler: SimulationScheduler
  package let clock: SimulatedClock
  private let present = ThreadBound<SimulatedProcess?>(nil)
  private let starts = ThreadBound<UInt64>(0)
  private let load = ThreadBound(Slowness())

  package init(number: Int, name: String, scheduler: SimulationScheduler) {
    self.number = number
    self.name = name
    self.scheduler = scheduler
    clock = SimulatedClock(scheduler: scheduler)
  }

  /// The present process; nil while the machine has none.
  package var process: SimulatedProcess? { present.value }
  /// How many processes it has started.
  package var incarnation: UInt64 { starts.value }

  /// How its workers are slowed down.
  package var slowness: Slowness {
    get { load.value }
    _modify { yield &load.value }
  }

  /// Starts a process. The last one must have ended.
  package func startProcess() -> SimulatedProcess {
    precondition(process?.isAlive != true, "\(name) is running")
    starts.value += 1
    let process = SimulatedProcess(machine: self, incarnation: incarnation)
    present.value = process
    scheduler.note(
      .process, UInt64(number), incarnation, 1, "\(name) starts, incarnation \(incarnation)")
    return process
  }

  /// The process ends as by a signal it cannot catch.
  package func endProcess() {
    guard let process else { return }
    if process.isAlive {
      scheduler.note(.process, UInt64(number), process.incarnation, 0, "\(name) dies")
    }
    process.die()
    present.value = nil
  }

  package var isRunning: Bool { process?.isAlive == true }

  /// What keeps a worker from handling its messages at once.
  package struct Slowness: Sendable {
    /// Added to each step of a worker that waits for the disk.
    package var disk: Duration = .zero
    /// Added to every step.
    package var processor: Duration = .zero
    /// Workers that wait for the disk do nothing before this.
    package var hangsUntil: Instant?

    package init() {}
  }

  /// How long a worker takes to get round to what is queued, drawn again for every step.
  func delay(of kind: WorkerKind) -> Duration {
    let range = kind.nanoseconds
    var nanoseconds = Int64.random(in: range, using: &scheduler.random)
    // Now and then a thread is not scheduled for a while.
    if scheduler.random.next() & 0xFFF == 0 { nanoseconds += 5_000_000 }
    var delay = Duration.nanoseconds(nanoseconds) + slowness.processor
    if kind.waitsForDisk {
      delay += slowness.disk
      if let end = slowness.hangsUntil, scheduler.now + delay < end { delay = end - scheduler.now }
    }
    return delay
  }
}

/// What a worker does, as far as its timing goes.
enum WorkerKind {
  case raft, apply, log, region, store, placement, other

  init(name: String) {
    switch name.prefix(3) {
    case "raf": self = .raft
    case "app": self = .apply
    case "log": self = .log
    case "reg": self = .region
    case "sto": self = .store
    case "pla": self = .placement
    default: self = .other
    }
  }

  var nanoseconds: ClosedRange<Int64> {
    switch self {
    case .raft, .other: 2_000...40_000
    case .apply: 5_000...100_000
    case .log: 100_000...2_000_000
    case .region: 50_000...3_000_000
    case .store: 2_000...20_000
    case .placement: 5_000...500_000
    }
  }

  var waitsForDisk: Bool {
    switch self {
    case .apply, .log, .region, .placement: true
    case .raft, .store, .other: false
    }
  }
}
