/// The placement driver's configuration; defaults are PD's where it has them.
package struct PDConfig: Sendable, Hashable {
  /// Voters every region is brought to. What `PutClusterConfig` stored later wins over it.
  package var maxReplicas = 3
  /// Silence after which a store counts as gone permanently and its replicas are recreated.
  package var maxStoreDownTime: Duration = .seconds(30 * 60)
  /// Silence after which a store gets neither replicas nor leaders.
  package var disconnectTime: Duration = .seconds(20)
  /// Silence after which a newcomer at a store's address takes its place, or a store may register under
  /// another address. Stores report every 10 s; what is silent for less may be alive.
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
  /// Operators under way at a time that change members.
  package var replicaScheduleLimit = 64
  /// Operators under way at a time that move leaders.
  package var leaderScheduleLimit = 4
  /// Time between two looks at how the leaders are spread.
  package var leaderBalanceInterval: Duration = .seconds(1)
  /// Operators under way at a time that move replicas for the sake of balance; 0 turns it off.
  package var balanceScheduleLimit = 4
  /// Time between two looks at how the replicas are spread.
  package var regionBalanceInterval: Duration = .seconds(5)
  /// How long after a start leaders are left alone unless nearly all are known before.
  package var warmUpTime: Duration = .seconds(60)
  /// Regions looked at in one tick.
  package var patrolBatch = 1024
  /// Where clients reach this placement driver, as `http://host:port`.
  package var advertiseClientURLs: [String]
  /// How much clients may make the driver keep and send.
  package var limits = PDLimits()
  /// The name of its only member.
  package var memberName = "apus-pd"

  package init(advertiseClientURLs: [String]) {
    self.advertiseClientURLs = advertiseClientURLs
  }
}
