package import SimulationKit

/// Checks an invariant of a cluster.
package protocol ClusterChecker: AnyObject {
  /// What reports call it: the property, in kebab case.
  var name: String { get }

  /// Checks while faults are injected; called at intervals of virtual time.
  ///
  /// - Returns: what is wrong, or nil.
  func check(_ view: ClusterView) -> String?

  /// Checks when all faults have ended and no client calls any more; called again until it returns nil or
  /// time is up.
  func checkQuiescent(_ view: ClusterView) -> String?
}

extension ClusterChecker {
  package func checkQuiescent(_ view: ClusterView) -> String? { check(view) }
}

/// The checkers of a run, in causal order: a fault of a log appears in the data later.
enum CheckerCatalog {
  static func make() -> [any ClusterChecker] {
    [
      ElectionSafetyChecker(), DurabilityChecker(), IndexOrderChecker(), LogMatchingChecker(),
      LeaseChecker(), SnapshotChecker(),
      RegionChecker(), StateMachineSafetyChecker(), HibernationChecker(), QuiescenceChecker(),
    ]
  }
}
