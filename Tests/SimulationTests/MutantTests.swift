import Simulation
import Testing

/// The simulation sees bugs: such as are built in by wrapping what the parts are given.
@Suite struct MutantTests {
  /// A bug that shows soon, and in how many runs at most.
  struct Quick: Sendable, CustomTestStringConvertible {
    var name: String
    var seeds: UInt64
    var testDescription: String { name }
  }

  private func run(_ seed: UInt64, mutant: String?) throws -> RunReport {
    var options = SimulationOptions(seed: seed)
    options.duration = .seconds(10)
    options.mutant = mutant
    return try Simulation(options).run()
  }

  @Test func theCatalogIsLargeAndItsNamesAreUnique() {
    let names = MutantCatalog.all.map(\.name)
    #expect(names.count >= 20)
    #expect(Set(names).count == names.count)
    for name in names {
      #expect(name.wholeMatch(of: /[a-z]+(-[a-z]+)+/) != nil, "\(name) is not in kebab case")
    }
    for mutant in MutantCatalog.all {
      #expect(mutant.about.hasSuffix("."), "\(mutant.name) is told of in a sentence")
    }
  }

  @Test(arguments: [
    Quick(name: "disk-lies-about-sync", seeds: 5),
    Quick(name: "engine-loses-changes", seeds: 5),
    Quick(name: "engine-writes-apply-state-first", seeds: 10),
    Quick(name: "read-follower-at-once", seeds: 10),
    Quick(name: "log-forgets-votes", seeds: 5),
    Quick(name: "transport-grants-votes", seeds: 5),
    Quick(name: "worker-skips-entries", seeds: 5),
  ])
  func aBuiltInBugIsFound(_ bug: Quick) throws {
    let first = try (1...bug.seeds).first { try run($0, mutant: bug.name).failure != nil }
    #expect(first != nil)
  }

  /// The wrappers alone change nothing: what is found is the bug.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func theSameRunsWithoutABugPass(seed: UInt64) throws {
    #expect(try run(seed, mutant: nil).failure == nil)
  }

  @Test func anUnknownMutantIsRefused() {
    #expect(throws: Simulation.Refusal.self) { try run(1, mutant: "no-such-bug") }
  }
}
