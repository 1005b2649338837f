import Runtime

/// PD's metrics under the names that its dashboards and alerts use.
struct PDMetrics {
  private static let interval: Duration = .seconds(5)

  private let metrics: Metrics
  private var gauges: [String: Gauge] = [:]
  private var updatedAt: Instant?

  init(_ metrics: Metrics) {
    self.metrics = metrics
  }

  /// Reads the core, all of its regions, every five seconds at most.
  mutating func update(_ core: PDCore, _ reading: ClockReading) {
    if let updatedAt, reading.now - updatedAt < Self.interval { return }
    updatedAt = reading.now
    update(core.clusterSummary(reading))
    for store in core.storeSummaries(reading) where store.status != .tombstone { update(store) }
    for (event, count) in core.operators.events {
      set(
        "pd_schedule_operators_count", "Operators by event.",
        [("type", event.name), ("event", event.status.name)], Int64(clamping: count))
    }
    let statistics = core.statistics
    set(
      "pd_tso_events", "Timestamps given.", [("type", "given")],
      Int64(clamping: core.timestamps.given))
    let heartbeats = "pd_scheduler_region_heartbeat"
    let help = "Region heartbeats, and commands sent to leaders."
    set(
      heartbeats, help, [("type", "report"), ("status", "ok")],
      Int64(clamping: statistics.heartbeats))
    set(
      heartbeats, help, [("type", "report"), ("status", "err")],
      Int64(clamping: statistics.refusedHeartbeats))
    set(
      heartbeats, help, [("type", "push"), ("status", "ok")],
      Int64(clamping: statistics.commands))
  }

  private mutating func update(_ cluster: ClusterSummary) {
    let counts: [(String, Int)] = [
      ("region_count", cluster.regionCount), ("leader_count", cluster.ledRegionCount),
      ("store_up_count", cluster.storeCounts[.up] ?? 0),
      ("store_disconnected_count", cluster.storeCounts[.disconnected] ?? 0),
      ("store_down_count", cluster.storeCounts[.down] ?? 0),
      ("store_offline_count", cluster.storeCounts[.offline] ?? 0),
      ("store_tombstone_count", cluster.storeCounts[.tombstone] ?? 0),
      ("storage_size", Int(clamping: cluster.storageSize)),
      ("storage_capacity", Int(clamping: cluster.storageCapacity)),
    ]
    for (type, count) in counts {
      set("pd_cluster_status", "Cluster statistics.", [("type", type)], Int64(count))
    }
    let regions: [(String, Int)] = [
      ("miss-peer-region-count", cluster.missingPeerRegions),
      ("extra-peer-region-count", cluster.extraPeerRegions),
      ("down-peer-region-count", cluster.downPeerRegions),
      ("pending-peer-region-count", cluster.pendingPeerRegions),
      ("offline-peer-region-count", cluster.offlinePeerRegions),
      ("learner-peer-region-count", cluster.learnerPeerRegions),
      ("empty-region-count", cluster.emptyRegions),
    ]
    for (type, count) in regions {
      set("pd_regions_status", "Regions by kind of anomaly.", [("type", type)], Int64(count))
    }
  }

  private mutating func update(_ store: StoreSummary) {
    let counts: [(String, Int)] = [
      ("region_count", store.peerCount), ("leader_count", store.leaderCount),
      ("region_size", Int(clamping: store.regionSize)),
      ("leader_size", Int(clamping: store.leaderSize)),
      ("store_available", Int(clamping: store.available)),
      ("store_used", Int(clamping: store.used)),
      ("store_capacity", Int(clamping: store.capacity)),
    ]
    for (type, count) in counts {
      set(
        "pd_scheduler_store_status", "Stores by statistic.",
        [("address", store.info.address), ("store", "\(store.info.id)"), ("type", type)],
        Int64(count))
    }
  }

  /// Sets a gauge, created when it is first needed: stores register later.
  private mutating func set(
    _ name: String, _ help: String, _ labels: [(String, String)], _ value: Int64
  ) {
    let key = labels.reduce(name) { $0 + "|" + $1.1 }
    let gauge: Gauge
    if let known = gauges[key] {
      gauge = known
    } else {
      gauge = metrics.gauge(name, help, labels: labels)
      gauges[key] = gauge
    }
    gauge.set(value)
  }
}
