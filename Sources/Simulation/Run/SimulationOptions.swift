package import SimulationKit

/// What a run is made from: the same options give the same run.
package struct SimulationOptions: Sendable {
  package var seed: UInt64
  /// Virtual time for which clients call and faults are injected.
  package var duration: Duration = .seconds(30)
  /// The workload by name; nil draws one.
  package var workload: String?
  /// The kinds of fault to draw from; nil: all.
  package var faults: [FaultKind]?
  /// What raft logs are made of; nil: segment logs in one run of four, by the seed.
  package var log: SimulatedLog?
  /// Numbers of planned faults that are not injected: for reducing a failing run.
  package var withoutFaults: Set<Int> = []
  /// Changes what the seed has drawn, before the run begins: mutants are built in by it.
  package var configure: (@Sendable (inout RunSetup) -> Void)?
  /// Lines of the trace kept for the report of a failure.
  package var tailLength = 0
  /// Takes every line of the trace.
  package var sink: (@Sendable (String) -> Void)?

  package init(seed: UInt64) {
    self.seed = seed
  }

  /// Sets what raft logs are made of by its name. False if there is none of that name.
  package mutating func setLog(named name: String) -> Bool {
    log = SimulatedLog(rawValue: name)
    return log != nil
  }
}

/// What a run begins with: drawn from its seed, then changed by `SimulationOptions.configure`.
package struct RunSetup {
  /// What is put between stores and their dependencies, each time a store starts.
  package var parts = StoreInterposers()
  /// Size and configuration of the cluster.
  package var shape: SimulatedCluster.Shape
  /// The kinds of fault that the run has, all of them; nil leaves the choice to the seed.
  package var faults: [FaultKind]?
  /// The number of clients; nil: the workload's.
  package var clients: Int?
  /// Called with the cluster before it is bootstrapped.
  package var prepare: (SimulatedCluster) -> Void = { _ in }
}
