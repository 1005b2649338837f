/// The checkers of a run, in causal order: a fault of a log appears in the data later.
enum CheckerCatalog {
  static func make() -> [any ClusterChecker] {
    [
      ElectionSafetyChecker(), DurabilityChecker(), IndexOrderChecker(), LogMatchingChecker(),
      LeaseChecker(),
      RegionChecker(), StateMachineSafetyChecker(), QuiescenceChecker(),
    ]
  }
}
