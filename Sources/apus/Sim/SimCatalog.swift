import Simulation

/// What `apus sim --list` shows.
enum SimCatalog {
  static var workloads: [String] { WorkloadCatalog.all.map { $0.name } }

  static func show() {
    print("workloads")
    for name in workloads { print("  \(name)") }
    print("faults")
    for kind in FaultKind.allCases { print("  \(kind.rawValue)") }
    print("mutants")
    let width = MutantCatalog.all.map(\.name.count).max() ?? 0
    for mutant in MutantCatalog.all {
      let gap = String(repeating: " ", count: width - mutant.name.count)
      print("  \(mutant.name)\(gap)  \(mutant.about)")
    }
  }
}
