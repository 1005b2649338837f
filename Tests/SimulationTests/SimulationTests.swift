import Runtime
import Simulation
import Testing

@Suite struct SimulationTests {
  private func report(
    _ seed: UInt64, seconds: Int = 10, faults: [FaultKind]?, tail: Int = 0
  ) throws -> RunReport {
    var options = SimulationOptions(seed: seed)
    options.faults = faults
    options.duration = .seconds(seconds)
    options.tailLength = tail
    return try Simulation(options).run()
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func aRunWithoutFaultsPasses(seed: UInt64) throws {
    let report = try report(seed, faults: [])
    #expect(report.failure == nil)
    #expect(report.succeeded > 20)
    #expect(report.unknown == 0)
    #expect(report.faultCount == 0)
  }

  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func theSameSeedIsTheSameRun(seed: UInt64) throws {
    let first = try report(seed, faults: nil)
    let second = try report(seed, faults: nil, tail: 100)
    #expect(first.traceHash == second.traceHash)
    #expect(first.events == second.events)
    #expect(first.plan == second.plan)
    #expect(second.lastLines.count == 100)
    #expect(try report(seed + 100, faults: nil).traceHash != first.traceHash)
  }

  @Test func aFaultThatIsLeftOutChangesNoOther() {
    var one = SplitMix64(seed: 5)
    var two = SplitMix64(seed: 5)
    let all = FaultPlan(
      duration: .seconds(30), allowed: FaultKind.allCases, isForced: true, random: &one)
    let kills = FaultPlan(
      duration: .seconds(30), allowed: [.kill], isForced: true, random: &two)
    #expect(!kills.faults.isEmpty)
    func randomValues(_ plan: FaultPlan) -> [[UInt64]] {
      plan.faults.filter { $0.kind == .kill }.map(\.randomValues)
    }
    #expect(randomValues(all) == randomValues(kills))
  }

  @Test func anUnknownWorkloadIsRefused() {
    var options = SimulationOptions(seed: 1)
    options.workload = "none such"
    #expect(throws: Simulation.Refusal.self) { try Simulation(options) }
  }
}
