import Glibc
import Runtime
import Simulation
import Synchronization

/// Makes the runs of many seeds on several threads and delivers them in the order of their seeds.
final class RunPool: Sendable {
  /// One run, and what it cost.
  struct Made: Sendable {
    var report: RunReport
    /// Seconds of processor time.
    var cost: Double
    /// The hash of a second run of the same seed, if one was made.
    var secondHash: UInt64?
  }

  /// All runs together.
  struct Totals: Sendable {
    var runs = 0
    var failures = 0
    var firstFailure: RunReport?
    var virtualSeconds = 0.0
    var processorSeconds = 0.0
    var wallSeconds = 0.0
    var faults = 0
    var operations = 0

    var text: String {
      let ratio = processorSeconds > 0 ? virtualSeconds / processorSeconds : 0
      return "\(runs) runs, \(failures) failed; \(operations) operations, \(faults) faults; "
        + "\(Int(virtualSeconds)) s of virtual time in \(Decimals.text(processorSeconds, 1)) s of "
        + "processor time (\(Int(ratio)) times as fast, a core) and "
        + "\(Decimals.text(wallSeconds, 1)) s"
    }
  }

  private struct State {
    var next: UInt64
    /// Runs that are made but wait for one of a lower seed.
    var waiting: [UInt64: Made] = [:]
    var shown: UInt64
    var totals = Totals()
    var isStopping = false
    var refusal: (any Error)?
  }

  private static let tailLength = 60

  private let template: SimulationOptions
  private let range: SeedRange
  private let jobs: Int
  private let stopsAtFirst: Bool
  private let isTwice: Bool
  private let state: Mutex<State>

  init(
    template: SimulationOptions, range: SeedRange, jobs: Int, stopsAtFirst: Bool, isTwice: Bool
  ) {
    self.template = template
    self.range = range
    self.jobs = jobs
    self.stopsAtFirst = stopsAtFirst
    self.isTwice = isTwice
    state = Mutex(State(next: range.first, shown: range.first))
  }

  /// Makes all runs; `show` is called for one at a time, by any thread.
  func run(_ show: @escaping @Sendable (Made) -> Void) throws -> Totals {
    let clock = SystemClock()
    let start = clock.now
    let threads = (0..<jobs).map { number in
      JoinableThread(name: "sim-\(number)") { self.work(show) }
    }
    for thread in threads { thread.join() }
    return try state.withLock { state in
      if let refusal = state.refusal { throw refusal }
      var totals = state.totals
      totals.wallSeconds = (clock.now - start).inSeconds
      return totals
    }
  }

  private func work(_ show: @Sendable (Made) -> Void) {
    while let seed = takeSeed() {
      do {
        finish(seed, try make(seed), show)
      } catch {
        state.withLock { state in
          state.refusal = error
          state.isStopping = true
        }
      }
    }
  }

  private func takeSeed() -> UInt64? {
    state.withLock { state in
      guard !state.isStopping, state.next >= range.first, state.next <= range.last else {
        return nil
      }
      let seed = state.next
      // At the end of all numbers it wraps to 0, which is below the range or its only seed.
      state.next &+= 1
      if state.next == 0 { state.isStopping = true }
      return seed
    }
  }

  private func make(_ seed: UInt64) throws -> Made {
    var options = template
    options.seed = seed
    let before = Self.processorTime()
    let report = try Simulation(options).run()
    var made = Made(report: report, cost: Self.processorTime() - before)
    if report.failure != nil {
      // Once more, and this time with what happened last.
      options.tailLength = Self.tailLength
      made.report = try Simulation(options).run()
      made.secondHash = report.traceHash
      return made
    }
    if isTwice { made.secondHash = try Simulation(options).run().traceHash }
    return made
  }

  private func finish(_ seed: UInt64, _ made: Made, _ show: (Made) -> Void) {
    state.withLock { state in
      state.waiting[seed] = made
      while let next = state.waiting.removeValue(forKey: state.shown) {
        if state.isStopping && stopsAtFirst && state.totals.failures > 0 { return }
        add(next, &state)
        show(next)
        state.shown &+= 1
      }
    }
  }

  private func add(_ made: Made, _ state: inout State) {
    let report = made.report
    state.totals.runs += 1
    state.totals.virtualSeconds += Double(report.virtualTime) / 1e9
    state.totals.processorSeconds += made.cost
    state.totals.faults += report.faultCount
    state.totals.operations += report.operations
    let differs = made.secondHash.map { $0 != report.traceHash } ?? false
    guard report.failure != nil || differs else { return }
    state.totals.failures += 1
    if state.totals.firstFailure == nil { state.totals.firstFailure = report }
    if stopsAtFirst { state.isStopping = true }
  }

  /// What this thread has used, in seconds.
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
