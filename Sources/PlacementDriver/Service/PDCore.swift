package import Engine
import Runtime

/// The placement driver's core: ids, timestamps, stores, regions, safe points, and the operators that move
/// replicas and leaders. It knows plain types only: `Server` converts the messages of `pdpb.PD`.
///
/// A synchronous step function over a small durable state: no clock, thread, file or randomness of
/// its own, so it runs in production and in simulation alike. One owner, one thread. A method that
/// changes durable state returns after that is on disk (regions excepted: heartbeats bring them
/// again, so they are written without waiting).
package final class PDCore {
  package let clusterID: UInt64
  /// The configuration in force: what the process was started with, changed by durable settings.
  package internal(set) var config: PDConfig
  /// What the process was started with.
  let startConfig: PDConfig

  var storage: PDStorage
  var ids: IDAllocator
  /// Also called by others, on other threads.
  package let timestamps: TimestampService
  var safePoints: SafePoints
  var stores = StoreTable()
  var regions = RegionTree()
  var staleHeartbeats: StaleHeartbeats
  var operators = OperatorTable()
  var limits = StoreLimits()
  var schedulers = SchedulerTable()
  var scatterGroups = ScatterGroups()
  var recentSplits: RecentSplits
  var hotRegions = HotRegionTable()
  package internal(set) var isBootstrapped = false
  /// The number of voters that regions are brought to, 1 or more; durable.
  var maxReplicas: Int

  let startedAt: Instant
  var patrolPosition = 0
  var cursors = RegionCursors()
  var syncedAt: Instant
  /// Whether enough leaders are known to check how they are spread.
  var isWarm = false
  var statistics = PDStatistics()
  /// Events for the log that were not taken yet.
  var notices: [PDNotice] = []

  /// Opens the state kept in `engine`, or begins a new cluster there.
  ///
  /// - Parameters:
  ///   - engine: all keys used are below one prefix of its `raft` family.
  ///   - newClusterID: the id of the cluster if there is none yet; random, not 0.
  package init(
    engine: any KVEngine, config: PDConfig, newClusterID: UInt64, at reading: ClockReading
  ) throws(PDError) {
    precondition(newClusterID != 0, "a cluster id is not 0")
    precondition(config.maxReplicas > 0, "a region has at least one replica")
    var storage = PDStorage(engine)
    if let known = try storage.integer(PDKeys.clusterID) {
      guard known != 0 else { throw storage.damaged(PDKeys.clusterID) }
      clusterID = known
    } else {
      try storage.put(PDKeys.clusterID, newClusterID)
      clusterID = newClusterID
    }
    ids = try IDAllocator(storage)
    timestamps = try TimestampService(engine)
    safePoints = try SafePoints(storage)
    self.storage = storage
    self.config = config
    startConfig = config
    staleHeartbeats = StaleHeartbeats(
      timeout: config.regionClaimTimeout, capacity: config.limits.staleHeartbeats,
      at: reading.now)
    recentSplits = RecentSplits(interval: config.merging.splitMergeInterval, at: reading.now)
    maxReplicas = config.maxReplicas
    startedAt = reading.now
    syncedAt = reading.now
    try load(at: reading)
    recentSplits = recentSplits.with(interval: self.config.merging.splitMergeInterval)
  }

  /// What has made PD unusable: durable state could not be written. The process must end.
  package var failure: PDError? { storage.failure.map { PDError($0) } ?? timestamps.failure }

  /// The events since the last call that are for the log.
  package func takeNotices() -> [PDNotice] {
    defer { notices = [] }
    return notices
  }

  // MARK: Preconditions of calls

  /// Fails if the state cannot be written any longer: nothing is trusted then, not even what needs no disk.
  func requireUsable() throws(PDError) {
    if let failure = storage.failure {
      throw PDError(.unavailable, "the placement driver cannot write its state: \(failure)")
    }
  }

  /// Fails if a request that names cluster `id` is not for this cluster.
  package func requireCluster(id: UInt64) throws(PDError) {
    try requireUsable()
    guard id == clusterID else {
      throw .mismatch(clusterID, id)
    }
  }

  /// Fails if PD is unusable, and refuses if there is no cluster yet.
  package func requireBootstrapped() throws(PDError) {
    try requireUsable()
    guard isBootstrapped else {
      throw PDError(refusal: .notBootstrapped, "cluster is not bootstrapped")
    }
  }

  /// What schedulers look at.
  func view(at now: Instant) -> SchedulingView {
    SchedulingView(
      regions: regions, stores: stores, operators: operators, limits: limits, config: config,
      maxReplicas: maxReplicas, evicting: schedulers.evictedStores, hotRegions: hotRegions,
      now: now)
  }
}
