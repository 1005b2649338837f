package import Simulation

/// A known bug that is built into a run by wrapping what a part of a store is given: shows that the
/// simulation detects it.
package struct Mutant: Sendable {
  /// As `--mutant` names it.
  package let name: String
  /// The bug, in a sentence.
  package let about: String
  /// Builds it in: for `SimulationOptions.configure`.
  package let configure: @Sendable (inout RunSetup) -> Void

  package init(
    _ name: String, _ about: String, _ configure: @escaping @Sendable (inout RunSetup) -> Void
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
    + PDMutants.all + MergeMutants.all + HibernationMutants.all + ReplicaReadMutants.all
    + SegmentMutants.all

  /// The mutant of this name; nil when there is none.
  package static func mutant(named name: String) -> Mutant? { all.first { $0.name == name } }
}
