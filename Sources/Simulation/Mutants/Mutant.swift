/// A bug that is built into a run by wrapping what a part is given: shows that the simulation sees it.
package struct Mutant: Sendable {
  /// What a mutant may change before the run begins.
  package struct Setup {
    /// What stores are given, each time one starts.
    package var parts = StoreInterposers()
    /// What the cluster looks like.
    package var shape: SimulatedCluster.Shape
    /// The faults without which the bug cannot show; nil leaves the choice to the seed.
    package var faults: [FaultKind]?
    /// Called with the cluster before it is bootstrapped.
    package var prepare: (SimulatedCluster) -> Void = { _ in }
  }

  /// As `--mutant` names it.
  package let name: String
  /// The bug, in a sentence.
  package let about: String
  package let configure: @Sendable (inout Setup) -> Void

  package init(
    _ name: String, _ about: String, _ configure: @escaping @Sendable (inout Setup) -> Void
  ) {
    self.name = name
    self.about = about
    self.configure = configure
  }
}

/// All mutants there are.
package enum MutantCatalog {
  package static let all: [Mutant] =
    LogMutants.all + EngineMutants.all + SnapshotMutants.all + TransportMutants.all
    + ReadMutants.all + WriteMutants.all + WorkerMutants.all + TimeMutants.all
    + PDMutants.all
}
