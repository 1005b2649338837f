import PlacementDriver
import Runtime
import SimulationKit

/// Faults of the placement driver.
final class PDFaults {
  private let context: FaultContext
  private let supervisor: Supervisor
  private var slow: [(fault: Int, by: Duration)] = []
  /// The faults that want old responses.
  private var stale: [Int] = []
  /// What was returned about each region, and about many, without repetitions: the newest last.
  private var regions: [UInt64: [RegionSummary]] = [:]
  private var scans: [[RegionSummary]] = []
  private var random = SplitMix64(seed: 0)

  private static let memory = 8

  init(_ context: FaultContext, _ supervisor: Supervisor) {
    self.context = context
    self.supervisor = supervisor
  }

  private var pd: SimulatedPD { context.cluster.pd }

  func inject(_ fault: PlannedFault) {
    switch fault.kind {
    case .pdSlow: slowDown(fault)
    case .pdStale: returnStaleRegions(fault)
    case .pdDown, .pdRestart: stop(fault)
    default: preconditionFailure("\(fault.kind) belongs to another class")
    }
  }

  func heal() {
    slow = []
    stale = []
    pd.machine.slowness = SimulatedMachine.Slowness()
  }

  // MARK: Down

  /// Dies, with or without what it had not synced, for a while or only to come back at once.
  private func stop(_ fault: PlannedFault) {
    let isPowerLost = fault.randomValues[0] & 1 == 0
    context.injects(fault, isPowerLost ? "without what it had not synced" : "killed")
    pd.stop(losingUnsynced: isPowerLost)
    supervisor.hold(pd.machine, fault)
    context.after(fault.lasts) { [supervisor, pd] in
      supervisor.release(pd.machine, fault)
    }
  }

  // MARK: Slow

  private func slowDown(_ fault: PlannedFault) {
    let by = Duration.milliseconds(Int64(5 + fault.randomValues[0] % 1_500))
    context.injects(fault, "by \(by)")
    slow.append((fault.number, by))
    recompute()
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      slow.removeAll { $0.fault == fault.number }
      recompute()
      context.ends(fault)
    }
  }

  private func recompute() {
    pd.machine.slowness.processor = slow.map(\.by).max() ?? .zero
  }

  // MARK: Stale

  /// Remembers responses from now on, so that there are old ones to give. A plan without such faults
  /// does without.
  func remember() {
    let (region, scan) = (pd.amendRegion, pd.amendScan)
    pd.amendRegion = { [weak self] found in
      let found = region?(found) ?? found
      guard let self else { return found }
      return choose(found, from: &regions[found.region.id, default: []])
    }
    pd.amendScan = { [weak self] found in
      let found = scan?(found) ?? found
      guard let self else { return found }
      return choose(found, from: &scans)
    }
  }

  /// Puts a response to the old ones, and gives it, or while a fault wants that, mostly an older one.
  private func choose<Answer: Equatable>(_ answer: Answer, from known: inout [Answer]) -> Answer {
    if known.last != answer { known.append(answer) }
    if known.count > Self.memory { known.removeFirst() }
    guard !stale.isEmpty, random.next() & 3 != 0 else { return answer }
    return known[Int(random.next() % UInt64(known.count))]
  }

  private func returnStaleRegions(_ fault: PlannedFault) {
    context.injects(fault, "")
    random = SplitMix64(seed: fault.randomValues[0])
    stale.append(fault.number)
    context.after(fault.lasts) { [weak self] in
      guard let self else { return }
      stale.removeAll { $0 == fault.number }
      context.ends(fault)
    }
  }
}
