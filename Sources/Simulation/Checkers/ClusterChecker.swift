/// Checks an invariant of a cluster.
package protocol ClusterChecker: AnyObject {
  /// As reports name it.
  var name: String { get }

  /// Looks while everything goes on; called every so often.
  ///
  /// - Returns: what is wrong, or nil.
  func check(_ view: ClusterView) -> String?

  /// Looks when all is healed and no client calls any more; asked again until it finds nothing or time
  /// is up.
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
      LeaseChecker(),
      RegionChecker(), StateMachineSafetyChecker(), QuiescenceChecker(),
    ]
  }
}
