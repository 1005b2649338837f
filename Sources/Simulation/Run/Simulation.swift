import Codec
import History
import Logging
import Raftstore
import Runtime
import SimulationKit

/// One run: a cluster is bootstrapped, clients call while faults are injected, then all faults end and the
/// cluster must become quiescent. Checkers run throughout, and once more at the end.
package final class Simulation {
  /// Why options cannot be run.
  package enum Refusal: Error, CustomStringConvertible {
    case unknownWorkload(String)

    package var description: String {
      switch self {
      case .unknownWorkload(let name): "unknown workload \(name)"
      }
    }
  }

  private static let bootstrapLimit = Duration.seconds(60)
  private static let checkInterval = Duration.milliseconds(200)
  /// How long a healed cluster may take until every client succeeds and all replicas are equal.
  private static let recoveryLimit = Duration.seconds(60)

  private let options: SimulationOptions
  private let scheduler: SimulationScheduler
  private let cluster: SimulatedCluster
  private let nemesis: SimulatedNemesis
  private let recorder = HistoryRecorder()
  private let checkers: [any ClusterChecker]
  private let plan: FaultPlan
  private var workload: any Workload
  private let clientCount: Int
  private var clients: [SimulatedClient] = []
  private let timestamps = TimestampRecord()
  private var failure: RunReport.Failure?
  private var isCalling = true
  private var clientRandom: SplitMix64

  package init(_ options: SimulationOptions) throws {
    self.options = options
    var random = SplitMix64(seed: options.seed)
    var workloadRandom = SplitMix64(seed: random.next())
    var shapeRandom = SplitMix64(seed: random.next())
    var faultRandom = SplitMix64(seed: random.next())
    clientRandom = SplitMix64(seed: random.next())
    guard let workload = WorkloadCatalog.make(options.workload, random: &workloadRandom) else {
      throw Refusal.unknownWorkload(options.workload ?? "")
    }
    self.workload = workload
    scheduler = SimulationScheduler(
      seed: random.next(), trace: Trace(tailLength: options.tailLength, sink: options.sink))
    var setup = RunSetup(
      shape: RunShape.draw(keyCount: workload.keyCount, random: &shapeRandom))
    setup.faults = options.faults
    // Not drawn: a draw here would change every run.
    setup.shape.log = options.log ?? (options.seed % 4 == 0 ? .segment : .memory)
    options.configure?(&setup)
    var plan = FaultPlan(
      duration: options.duration, allowed: setup.faults ?? FaultKind.allCases,
      isForced: setup.faults != nil, random: &faultRandom)
    plan.faults.removeAll { options.withoutFaults.contains($0.number) }
    self.plan = plan
    if plan.kinds.contains(.alterData) {
      setup.shape.raftstore.reads.consistency.interval = .milliseconds(400)
      setup.shape.raftstore.reads.consistency.timeout = .seconds(5)
    }
    let isTraced = scheduler.trace.isRead
    let logger = Logger(label: "simulation") { [scheduler] _ -> any LogHandler in
      isTraced ? TraceLogHandler(scheduler: scheduler) : SwiftLogNoOpLogHandler()
    }
    cluster = try SimulatedCluster(
      setup.shape, scheduler: scheduler, parts: setup.parts, logger: logger, seed: random.next())
    setup.prepare(cluster)
    clientCount = setup.clients ?? workload.clients
    nemesis = SimulatedNemesis(cluster, clients: clientCount)
    checkers = CheckerCatalog.make()
  }

  /// Makes the run.
  package func run() throws -> RunReport {
    if try cluster.bootstrap(within: Self.bootstrapLimit) {
      let start = scheduler.now
      callAndInject()
      scheduler.run(until: start + options.duration) { self.failure != nil }
      if failure == nil { recover() }
      if failure == nil { checkHistory() }
    } else {
      fail("bootstrap", "the cluster is not complete after \(Self.bootstrapLimit)")
    }
    let report = report()
    cluster.shutDown()
    return report
  }

  private func callAndInject() {
    for number in 0..<clientCount {
      let client = SimulatedClient(
        number: number, cluster: cluster, recorder: recorder, replicaReads: 4,
        staleReads: workload.allowsStaleReads ? 5 : 0, seed: clientRandom.next(),
        next: { [unowned self] in
          guard isCalling else { return nil }
          let (pause, call) = workload.next(client: number, random: &clientRandom)
          return (pause + nemesis.pause, call)
        },
        done: { [unowned self] in workload.observe($0) })
      clients.append(client)
      client.begin()
    }
    for number in 0..<2 {
      TimestampClient(
        number: number, cluster: cluster, record: timestamps,
        seed: options.seed &+ UInt64(number), while: { [unowned self] in isCalling }
      ).begin()
    }
    nemesis.begin(plan)
    check()
  }

  // MARK: Checking

  /// Runs the checkers now and at every interval from here on.
  private func check() {
    cluster.inspect { [weak self] view in
      guard let self, failure == nil else { return }
      checkSelfStops()
      if let violation = timestamps.violation { return fail("timestamps", violation) }
      for checker in checkers {
        if let message = checker.check(view) { return fail(checker.name, message) }
      }
      // A look at many regions takes long.
      let interval = Self.checkInterval * (cluster.shape.boundaries.count < 20 ? 1 : 5)
      scheduler.after(interval) { [weak self] in self?.check() }
    }
  }

  private func checkSelfStops() {
    for store in cluster.stores {
      if let reason = store.disk.segments?.violation { return fail("raft-log", reason) }
      if let reason = store.selfStops.first { return fail("self-stop", reason) }
    }
  }

  private func fail(_ checker: String, _ message: String, _ violation: Violation? = nil) {
    guard failure == nil else { return }
    failure = RunReport.Failure(
      checker: checker, message: message, at: scheduler.now.nanoseconds, violation: violation)
  }

  // MARK: Healing

  /// Ends all faults. Within bounded time every client must succeed, and the cluster must become
  /// quiescent.
  private func recover() {
    nemesis.heal()
    let end = scheduler.now + Self.recoveryLimit
    let before = clients.map(\.succeeded)
    while scheduler.now < end, failure == nil {
      scheduler.run(until: scheduler.now + .milliseconds(100)) { self.failure != nil }
      nemesis.restartStopped()
      if zip(clients, before).allSatisfy({ $0.succeeded >= $1 + 3 }) { break }
    }
    guard failure == nil else { return }
    if let stuck = zip(clients, before).first(where: { $0.succeeded < $1 + 3 }) {
      return fail(
        "liveness", "client \(stuck.0.number) does not succeed within \(Self.recoveryLimit)")
    }
    isCalling = false
    awaitQuiescence(until: end)
  }

  private func awaitQuiescence(until end: Instant) {
    var reason: String? = "a client still waits for a response"
    while scheduler.now < end, failure == nil {
      scheduler.run(until: scheduler.now + .milliseconds(200)) { self.failure != nil }
      nemesis.restartStopped()
      guard clients.allSatisfy(\.isIdle) else { continue }
      reason = cluster.incompleteness
      cluster.inspect { [weak self] view in
        guard let self else { return }
        for checker in checkers where reason == nil {
          reason = checker.checkQuiescent(view).map { "\(checker.name): \($0)" }
        }
      }
      scheduler.run(until: scheduler.now + .milliseconds(10))
      if reason == nil { return }
    }
    fail("quiescence", "\(reason ?? "") \(Self.recoveryLimit) after all faults were healed")
  }

  private func checkHistory() {
    switch LinearizabilityChecker().check(recorder.operations) {
    case .linearizable: break
    case .undecided(let reason): fail("linearizability", "undecided: \(reason)")
    case .violation(let violation):
      fail(
        "linearizability",
        "no linearization explains the calls on \(String(decoding: violation.key, as: UTF8.self))",
        violation)
    }
    if let message = workload.check(recorder.operations) {
      fail("workload \(type(of: workload).name)", message)
    }
  }

  private func report() -> RunReport {
    var report = RunReport(seed: options.seed)
    report.failure = failure
    report.traceHash = scheduler.trace.hash
    report.events = scheduler.eventCount
    report.virtualTime = scheduler.now.nanoseconds
    report.workload = type(of: workload).name
    report.stores = cluster.stores.count
    report.regions = max(cluster.newestRegions().count, cluster.shape.boundaries.count + 1)
    report.operations = recorder.operations.count
    report.succeeded = recorder.succeeded
    report.unknown = recorder.operations.count { $0.outcome == .unknown }
    report.faults = nemesis.injected.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { (kind: $0.key, count: $0.value) }
    report.faultCount =
      nemesis.injected.values.reduce(0, +) + cluster.network.faultCount
      + cluster.stores.reduce(0) { $0 + $1.disk.faults.injected }
    report.plan = plan.faults
    report.lastLines = scheduler.trace.lastLines
    return report
  }
}
