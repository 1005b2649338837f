/// All mutants there are.
package enum MutantCatalog {
  package static let all: [Mutant] =
    LogMutants.all + EngineMutants.all + SnapshotMutants.all + TransportMutants.all
    + ReadMutants.all + WriteMutants.all + WorkerMutants.all + TimeMutants.all
    + PDMutants.all
}
