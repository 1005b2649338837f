import Simulation
import Testing

@Suite struct SimulationTests {
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func aRunWithoutFaultsPasses(seed: UInt64) throws {
    var options = SimulationOptions(seed: seed)
    options.faults = []
    options.duration = .seconds(10)
    let report = try Simulation(options).run()
    #expect(report.failure == nil)
    #expect(report.succeeded > 50)
  }
}
