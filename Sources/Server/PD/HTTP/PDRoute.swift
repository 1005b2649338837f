import PlacementDriver

/// The paths of PD's HTTP API that are served.
enum PDRoute: Equatable {
  /// A response with success: the process is there.
  case ping
  case metrics
  case version
  case status
  case health
  case members
  case leader
  case cluster
  case clusterStatus
  case stores
  case store(String)
  case regions
  case regionsByKey
  case regionCount
  case regionsOfStore(String)
  case regionWithID(String)
  /// Percent-encoded.
  case regionOfKey(String)
  case regionStatistics
  case regionSiblings(String)
  /// Regions with an anomaly, by PD's name of it.
  case regionsChecked(String)
  /// Regions that are largest by something.
  case regionsRanked(String)
  case config
  case scheduleConfig
  case replicationConfig
  case clusterVersion
  /// Placement rules in all their forms, none of which is there.
  case rules
  case regionLabels
  case operators
  case operatorRecords
  case operatorOfRegion(String)
  case schedulers
  case evictedStores
  case storeLimits
  case hotRegions(FlowKind)
  case hotStores
  case safePoints
  /// Of the cluster, or of the store with this id.
  case minResolvedTS(store: String?)
  /// The last recovery of regions that had lost their quorums.
  case recovery
  /// Of the second version of the API; the rest of the path.
  case keyspaces(String)

  /// Nil for a path no one knows.
  init?(_ path: String) {
    if path == "/metrics" {
      self = .metrics
      return
    }
    var parts = path.split(separator: "/", omittingEmptySubsequences: false)[...]
    // As PD, one slash at the end makes another path.
    guard parts.popFirst() == "", parts.popFirst() == "pd" else { return nil }
    switch parts.first {
    case "ping" where parts.count == 1: self = .ping
    case "health" where parts.count == 1: self = .health
    case "api":
      let version = parts.dropFirst().first
      let rest = parts.dropFirst(2).map(String.init)
      if version == "v2", rest.first == "keyspaces" {
        self = .keyspaces(rest.dropFirst().joined(separator: "/"))
      } else if version == "v1", let route = Self.first(rest) {
        self = route
      } else {
        return nil
      }
    default: return nil
    }
  }

  private static let fixed: [String: PDRoute] = [
    "ping": .ping, "version": .version, "status": .status, "health": .health,
    "members": .members, "leader": .leader, "cluster": .cluster,
    "cluster/status": .clusterStatus, "stores": .stores, "regions": .regions,
    "regions/key": .regionsByKey, "regions/count": .regionCount,
    "stats/region": .regionStatistics, "config": .config, "config/schedule": .scheduleConfig,
    "config/replicate": .replicationConfig, "config/cluster-version": .clusterVersion,
    "config/region-label/rules": .regionLabels, "operators": .operators,
    "operators/records": .operatorRecords, "schedulers": .schedulers,
    "scheduler-config/evict-leader-scheduler/list": .evictedStores,
    "stores/limit": .storeLimits, "hotspot/regions/read": .hotRegions(.read),
    "hotspot/regions/write": .hotRegions(.write), "hotspot/stores": .hotStores,
    "gc/safepoint": .safePoints, "min-resolved-ts": .minResolvedTS(store: nil),
    "admin/unsafe/remove-failed-stores/show": .recovery,
  ]

  private static func first(_ parts: [String]) -> PDRoute? {
    if let route = fixed[parts.joined(separator: "/")] { return route }
    guard let last = parts.last, !last.isEmpty else { return nil }
    switch (parts.count, parts.dropLast().joined(separator: "/")) {
    case (2, "store"): return .store(last)
    case (3, "regions/store"): return .regionsOfStore(last)
    case (3, "regions/sibling"): return .regionSiblings(last)
    case (3, "regions/check"): return .regionsChecked(last)
    case (2, "regions") where RegionRank(rawValue: last) != nil: return .regionsRanked(last)
    case (3, "region/id"): return .regionWithID(last)
    case (3, "region/key"): return .regionOfKey(last)
    case (2, "operators"): return .operatorOfRegion(last)
    case (2, "min-resolved-ts"): return .minResolvedTS(store: last)
    default: break
    }
    let isRules =
      parts.first == "config" && parts.count > 1
      && ["rule", "rules", "rule_group", "rule_groups", "placement-rule"].contains(parts[1])
    return isRules ? .rules : nil
  }
}
