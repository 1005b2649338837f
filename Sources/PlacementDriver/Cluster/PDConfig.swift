/// PD's configuration; defaults are those of TiKV's PD where it has them.
package struct PDConfig: Sendable, Hashable {
  /// Voters that every region is brought to. A value stored by `PutClusterConfig` replaces it.
  package var maxReplicas = 3
  /// Silence after which a store counts as lost and its replicas are recreated.
  package var maxStoreDownTime: Duration = .seconds(30 * 60)
  /// Silence after which a store gets neither replicas nor leaders.
  package var disconnectTime: Duration = .seconds(20)
  /// Silence after which a new store at a store's address replaces it, or a store may register under another address.
  /// Stores report every 10 s; one that is silent for less may be alive.
  package var takeoverDelay: Duration = .seconds(15)
  /// How long what is known of a region outlasts the repeated heartbeats of a leader that contradicts it,
  /// while its own leader sends none. At least three intervals of region heartbeats.
  package var regionClaimTimeout: Duration = .seconds(180)
  /// How long a step that copies a region's data may take.
  package var slowStepTimeout: Duration = .seconds(600)
  /// How long every other step may take.
  package var fastStepTimeout: Duration = .seconds(60)
  /// How often a command is repeated while no heartbeat shows its effect.
  package var resendInterval: Duration = .seconds(5)
  /// Concurrent operators that change members.
  package var replicaScheduleLimit = 64
  /// Concurrent operators that move leaders.
  package var leaderScheduleLimit = 4
  /// Interval of leader balancing.
  package var leaderBalanceInterval: Duration = .seconds(1)
  /// Concurrent operators that move replicas for balance; 0 disables it. Stores' limits bound them too.
  package var balanceScheduleLimit = 2048
  /// Interval of replica balancing.
  package var regionBalanceInterval: Duration = .seconds(5)
  /// How long after a start nothing is balanced, unless 80 % of the leaders are known before.
  package var warmUpTime: Duration = .seconds(60)
  /// Peers per minute that a store may get, and lose, unless it has limits of its own.
  package var storeLimit = 15.0
  /// Regions (leaders) by which stores may differ from their average before balancing moves one; 0 is one, and more in
  /// a large cluster.
  package var tolerantSizeRatio = 0.0
  /// A store whose space is used beyond this share gets replicas only where no other store can.
  package var lowSpaceRatio = 0.8
  /// A store with more snapshots under way, or more peers that wait for one, gets no replicas.
  package var maxSnapshotCount = 64
  package var maxPendingPeerCount = 64
  /// Where replicas are placed, and what the replica checker may do.
  package var replicas = ReplicaRules()
  /// When regions count as hot, and how they are balanced.
  package var hotRegions = HotRegionRules()
  /// When small regions are merged.
  package var merging = MergeRules()
  /// Where clients reach this placement driver, as `http://host:port`.
  package var advertiseClientURLs: [String]
  /// Bounds on what clients make PD keep and send.
  package var limits = PDLimits()
  /// The name of its only member.
  package var memberName = "apus-pd"

  package init(advertiseClientURLs: [String]) {
    self.advertiseClientURLs = advertiseClientURLs
  }
}

/// Where replicas are placed, and what the replica checker may do. The switches are PD's `enable-…` settings.
package struct ReplicaRules: Sendable, Hashable {
  /// Names of location labels, from the widest location to the narrowest; empty: replicas are placed anywhere.
  package var locationLabels: [String] = []
  /// The label below which no two replicas of a region may be; empty: they may, where there is no better store.
  package var isolationLevel = ""
  package var removesDownReplicas = true
  package var replacesOfflineReplicas = true
  package var makesUpReplicas = true
  package var removesExtraReplicas = true
  package var replacesForLocation = true
  /// Whether several voters of a region change at once, through a joint configuration.
  package var usesJointConsensus = true
  /// Regions checked in one tick at least: as many as PD checks in that time, 128 each 10 ms.
  package var patrolBatch = 2560
  /// In a quiet cluster: regions checked in one tick at least, and ticks that a round over all regions takes if there are
  /// more. With five ticks a second a round takes 10 s.
  package var quietPatrolBatch = 64
  package var quietPatrolTicks = 50

  package init() {}
}

/// When small regions are merged into their neighbors.
package struct MergeRules: Sendable, Hashable {
  private static let mebibyte: UInt64 = 1 << 20

  /// Bytes of the largest region that is merged into a neighbor, in MiB; 0 merges none.
  package var maxMebibytes = 54
  /// Keys of such a region; 0 for 10,000 for each MiB.
  package var maxKeyCount = 0
  /// How long a region is left alone after a split, and all regions after the start.
  package var splitMergeInterval: Duration = .seconds(3600)
  /// Concurrent operators of merges, two for each; 0 disables merging.
  package var scheduleLimit = 8
  /// Whether regions are merged into the next one only, never into the previous.
  package var isOneWay = false
  /// At what size stores split a region, and how large its parts are: so that no merged region is split at once.
  package var regionMaxMebibytes = 384
  package var regionSplitMebibytes = 256

  package init() {}

  /// In bytes.
  var maxSize: UInt64 { UInt64(clamping: maxMebibytes) &* Self.mebibyte }
  var maxKeys: UInt64 {
    UInt64(clamping: maxKeyCount > 0 ? maxKeyCount : maxMebibytes &* 10_000)
  }
  /// In bytes; at least one MiB.
  var regionMaxSize: UInt64 { UInt64(clamping: max(1, regionMaxMebibytes)) &* Self.mebibyte }
  var regionSplitSize: UInt64 { UInt64(clamping: max(1, regionSplitMebibytes)) &* Self.mebibyte }
  /// Bytes of the largest region that another one is merged into.
  var largestTarget: UInt64 { max(500 * Self.mebibyte, 4 &* regionMaxSize) }
}

/// When regions count as hot, and how they are balanced.
package struct HotRegionRules: Sendable, Hashable {
  /// Concurrent operators that move hot regions; 0 disables it.
  package var scheduleLimit = 4
  /// Intervals of high flow after which a region is hot.
  package var hits = 3
  /// Over what time the flow of a region is measured, at least.
  package var interval: Duration = .seconds(10)
  /// How often one kind of flow is balanced.
  package var scheduleInterval: Duration = .seconds(1)

  package init() {}
}
