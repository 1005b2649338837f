/// Who looks inside a cluster during a run. The order is that of causes: what is wrong in a log shows in
/// the data later.
enum CheckerCatalog {
  static func make() -> [any ClusterChecker] {
    [
      LeadershipChecker(), PromiseChecker(), ProgressChecker(), LogChecker(), LeaseChecker(),
      RegionChecker(), ReplicaChecker(), RestChecker(),
    ]
  }
}
