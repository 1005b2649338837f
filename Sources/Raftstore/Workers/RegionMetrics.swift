import Runtime

/// Damaged replicas and the checks that find them.
struct DamageMetrics: Sendable {
  let found: Counter
  let checks: Counter
  let mismatches: Counter
  let undecided: Counter

  init(_ metrics: Metrics) {
    found = metrics.counter(
      "apus_raftstore_damaged_peer_total", "Times a peer's log or data was found damaged")
    checks = metrics.counter(
      "apus_raftstore_consistency_check_total", "Consistency checks begun by leaders")
    mismatches = metrics.counter(
      "apus_raftstore_consistency_mismatch_total", "Peers whose data differed from the majority's")
    undecided = metrics.counter(
      "apus_raftstore_consistency_undecided_total",
      "Consistency checks in which no majority of replicas had the same data")
  }
}

/// Splits and merges.
struct RegionChangeMetrics: Sendable {
  let splits: Counter
  let refusedChildren: Counter
  let merges: Counter
  let mergesRolledBack: Counter

  init(_ metrics: Metrics) {
    splits = metrics.counter(
      "apus_raftstore_region_split_total", "Splits applied by peers of this store")
    refusedChildren = metrics.counter(
      "apus_raftstore_split_child_refused_total",
      "Regions created by splits that this store did not take over, because it had a peer of them")
    merges = metrics.counter(
      "apus_raftstore_region_merge_total", "Merges by which a region of this store grew")
    mergesRolledBack = metrics.counter(
      "apus_raftstore_region_merge_rollback_total", "Prepared merges that came to nothing")
  }
}

/// The store's peers: how many there are, lead, miss a leader, or get ticks.
struct PeerMetrics: Sendable {
  let leaders: Gauge
  let regions: Gauge
  let leaderMissing: Gauge
  let leaderChanges: Counter
  let ticking: Gauge
  let silentStores: Counter

  init(_ metrics: Metrics) {
    func region(_ kind: String) -> Gauge {
      metrics.gauge(
        "tikv_raftstore_region_count", "Regions on this store", labels: [("type", kind)])
    }
    leaders = region("leader")
    regions = region("region")
    leaderMissing = metrics.gauge(
      "tikv_raftstore_leader_missing",
      "Peers without a leader for longer than max-leader-missing-duration")
    leaderChanges = metrics.counter(
      "tikv_raftstore_leader_changes_total", "Times a peer became or ceased to be a leader")
    ticking = metrics.gauge(
      "tikv_raftstore_hibernated_peer_state", "Peers that are not hibernated",
      labels: [("state", "awaken")])
    silentStores = metrics.counter(
      "apus_raftstore_store_silent_total",
      "Times a store became silent on which hibernated regions have their leaders")
  }
}
