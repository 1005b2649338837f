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
  /// Regions checked in one tick.
  package var patrolBatch = 1024
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

  package init() {}
}
