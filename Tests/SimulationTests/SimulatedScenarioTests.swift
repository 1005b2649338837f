import Runtime
import Simulation
import TestSupport
import Testing

/// TinyKV's `GenericTest` in its variants, in virtual time: here stores lose power, and a checker looks for a
/// linearization of all calls.
@Suite struct SimulatedScenarioTests {
  @Test(arguments: GenericScenario.selection)
  func callsAreLinearizable(scenario: GenericScenario) throws {
    var options = SimulationOptions(seed: 1)
    options.duration = .seconds(6)
    options.workload = "scan"
    options.configure = { scenario.configure(&$0) }
    let report = try Simulation(options).run()
    #expect(report.failure == nil)
    #expect(report.succeeded > 20 * scenario.clients)
    #expect(Set(report.faults.map(\.kind)).isSubset(of: scenario.faults))
    if scenario.isUnreliable || scenario.partitions || scenario.restarts {
      #expect(report.faultCount > 0)
    }
    if scenario.splits { #expect(report.regions > 1) }
  }
}

extension GenericScenario {
  fileprivate var faults: [FaultKind] {
    var faults: [FaultKind] = []
    if isUnreliable { faults += [.loss, .delay] }
    if restarts { faults += [.kill, .powerLoss, .restart] }
    if partitions { faults.append(.partition) }
    if changesMembers { faults.append(.changeMembers) }
    if splits { faults.append(.split) }
    return faults
  }

  fileprivate func configure(_ setup: inout RunSetup) {
    setup.clients = clients
    setup.faults = faults
    setup.shape.stores = 5
    setup.shape.replicas = 5
    setup.shape.placement.maxReplicas = 5
    setup.shape.boundaries = []
    if let maxLog {
      setup.shape.raftstore.logCompaction.count = maxLog
    } else {
      setup.shape.raftstore.logCompaction.interval = .seconds(3600)
    }
    if splits {
      // Three or four keys.
      setup.shape.raftstore.split.size = 20
      setup.shape.raftstore.split.maxSize = 30
      setup.shape.raftstore.split.checkInterval = .milliseconds(500)
    }
  }
}
