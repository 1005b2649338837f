import Simulation
import Testing

/// Every kind of fault alone: it strikes, and the cluster survives it.
@Suite struct FaultKindTests {
  @Test(arguments: FaultKind.allCases)
  func aKindAloneStrikesAndIsSurvived(kind: FaultKind) throws {
    var struck = 0
    // Some kinds need more than one run to strike.
    for seed in 1...3 as ClosedRange<UInt64> where struck == 0 {
      var options = SimulationOptions(seed: seed)
      options.faults = [kind]
      options.duration = .seconds(12)
      let report = try Simulation(options).run()
      #expect(report.failure == nil, "seed \(seed)")
      // Clients are silent for half of the time where that is the fault.
      #expect(report.succeeded > (kind == .quiet ? 10 : 30), "seed \(seed)")
      struck += report.faults.reduce(0) { $0 + $1.count }
    }
    #expect(struck > 0)
  }

  @Test func aRunWithFaultsRepeats() throws {
    var options = SimulationOptions(seed: 21)
    options.faults = [.partition, .powerLoss, .bitFlip, .wipe, .pause, .pdStale]
    options.duration = .seconds(8)
    let first = try Simulation(options).run()
    let second = try Simulation(options).run()
    #expect(first.traceHash == second.traceHash)
    #expect(first.faultCount == second.faultCount)
  }
}
