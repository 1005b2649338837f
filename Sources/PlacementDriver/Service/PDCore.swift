import Codec
package import Engine
import Runtime
import Wire

/// The placement driver's core: ids, timestamps, stores, regions, safe points, and what regions
/// should do next. One method for each method of `pdpb.PD`.
///
/// A synchronous step function over a small durable state: no clock, thread, file or randomness of
/// its own, so it runs in production and in simulation alike. One owner, one thread. A method that
/// changes durable state returns after that is on disk (regions excepted: heartbeats bring them
/// again, so they are written without waiting).
package final class PDCore {
  package let clusterID: UInt64
  package let config: PDConfig

  var storage: PDStorage
  var ids: IDAllocator
  var oracle: TimestampOracle
  var safePoints: SafePoints
  var stores = StoreTable()
  var regions = RegionTree()
  var staleHeartbeats: StaleHeartbeats
  var operators = OperatorTable()
  var isBootstrapped = false
  var maxReplicas: Int

  let startedAt: Instant
  var patrolPosition = 0
  var leadersBalancedAt: Instant
  var regionsBalancedAt: Instant
  var syncedAt: Instant
  /// Whether enough leaders are known to check how they are spread.
  var isWarm = false
  var statistics = PDStatistics()
  /// What the log should say and was not taken yet.
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
    oracle = try TimestampOracle(storage)
    safePoints = try SafePoints(storage)
    self.storage = storage
    self.config = config
    staleHeartbeats = StaleHeartbeats(
      timeout: config.regionClaimTimeout, capacity: config.limits.staleHeartbeats,
      at: reading.now)
    maxReplicas = config.maxReplicas
    startedAt = reading.now
    leadersBalancedAt = reading.now
    regionsBalancedAt = reading.now
    syncedAt = reading.now
    try load(at: reading)
  }

  /// What has made the driver unusable: durable state could not be written. The process must end.
  package var failure: PDError? { storage.failure.map { PDError($0) } }

  /// What has happened since the last call that people should read in the log.
  package func takeNotices() -> [PDNotice] {
    defer { notices = [] }
    return notices
  }

  // MARK: Responding

  /// The header of every response that brings good news.
  var header: Pdpb_ResponseHeader {
    var header = Pdpb_ResponseHeader()
    header.clusterID = clusterID
    return header
  }

  func header(_ type: Pdpb_ErrorType, _ message: String) -> Pdpb_ResponseHeader {
    var header = header
    header.error.type = type
    header.error.message = message
    return header
  }

  /// Checks whom a request is meant for and fills in a response, its header above all.
  func answer<Request: PDRequest, Response: PDResponse>(
    _ request: Request, needsCluster: Bool = true,
    _ fill: (inout Response) throws(PDError) -> Void
  ) throws(PDError) -> Response {
    try admit(request.header.clusterID)
    var response = Response()
    response.header = header
    do {
      if needsCluster { try requireCluster() }
      try fill(&response)
      return response
    } catch {
      guard let type = error.headerType else { throw error }
      // Nothing but the reason: half a response could be taken for a whole one.
      var refusal = Response()
      refusal.header = header(type, error.message)
      return refusal
    }
  }

  func admit(_ id: UInt64) throws(PDError) {
    if let failure = storage.failure {
      throw PDError(.unavailable, "the placement driver cannot write its state: \(failure)")
    }
    guard id == clusterID else {
      throw PDError(
        .failedPrecondition, "mismatch cluster id, need \(clusterID) but got \(id)")
    }
  }

  func requireCluster() throws(PDError) {
    guard isBootstrapped else {
      throw PDError(header: .notBootstrapped, "cluster is not bootstrapped")
    }
  }

  /// What schedulers look at.
  func view(at now: Instant) -> SchedulingView {
    SchedulingView(
      regions: regions, stores: stores, operators: operators, config: config,
      maxReplicas: maxReplicas, now: now)
  }
}
