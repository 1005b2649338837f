import Simulation
import SimulationMutants
import Testing

/// The simulation detects bugs that are built in by wrapping what the parts of a store are given.
@Suite struct MutantTests {
  /// A bug that shows soon, and in how many runs at most, from a seed on.
  struct Quick: Sendable, CustomTestStringConvertible {
    var name: String
    var from: UInt64 = 1
    var seeds: UInt64
    var testDescription: String { name }
  }

  private func run(_ seed: UInt64, mutant: String?) throws -> RunReport {
    var options = SimulationOptions(seed: seed)
    options.duration = .seconds(10)
    if let mutant {
      options.configure = try #require(MutantCatalog.mutant(named: mutant)).configure
    }
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
      #expect(mutant.about.hasSuffix("."), "\(mutant.name) is described in a sentence")
    }
  }

  @Test(arguments: [
    Quick(name: "disk-ignores-sync", seeds: 5),
    Quick(name: "engine-drops-writes", seeds: 5),
    Quick(name: "engine-writes-apply-state-first", seeds: 20),
    Quick(name: "read-local-follower", seeds: 10),
    Quick(name: "log-drops-votes", seeds: 5),
    Quick(name: "transport-grants-rejected-votes", from: 34, seeds: 1),
    Quick(name: "worker-skips-entries", seeds: 5),
    Quick(name: "worker-loses-children", seeds: 5),
    Quick(name: "worker-keeps-split-ranges", seeds: 5),
    Quick(name: "engine-buffers-splits", seeds: 10),
    Quick(name: "merge-keeps-the-source", seeds: 5),
    Quick(name: "merge-rolls-back-at-once", seeds: 10),
    Quick(name: "sleep-without-agreement", seeds: 5),
    Quick(name: "sleep-keeps-sending", seeds: 5),
    Quick(name: "read-index-too-low", seeds: 10),
    Quick(name: "safe-ts-far-ahead", seeds: 10),
    Quick(name: "stale-read-before-safe-ts", seeds: 10),
    Quick(name: "segment-skips-barriers", seeds: 5),
    Quick(name: "segment-skips-directory-syncs", seeds: 5),
  ])
  func aBuiltInBugIsFound(_ bug: Quick) throws {
    let seeds = bug.from..<bug.from + bug.seeds
    let first = try seeds.first { try run($0, mutant: bug.name).failure != nil }
    #expect(first != nil)
  }

  /// The wrappers alone change nothing: what is found is the bug.
  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func theSameRunsWithoutABugPass(seed: UInt64) throws {
    #expect(try run(seed, mutant: nil).failure == nil)
  }

  @Test func anUnknownNameIsNoMutant() {
    #expect(MutantCatalog.mutant(named: "no-such-bug") == nil)
  }
}
