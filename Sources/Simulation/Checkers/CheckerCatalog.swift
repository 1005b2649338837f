/// Who looks inside a cluster during a run.
enum CheckerCatalog {
  static func make() -> [any ClusterChecker] { [] }
}
