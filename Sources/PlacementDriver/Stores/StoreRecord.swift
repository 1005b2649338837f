import Codec
import Runtime

/// A store as PD knows it: `info` is durable, the rest is lost on a restart.
struct StoreRecord: Sendable {
  var info: StoreInfo
  /// When its last heartbeat came; PD's own start if none has come since.
  var lastSeen: Instant
  /// Whether a heartbeat came since PD started.
  var hasHeartbeat = false
  /// Its heartbeat stream broke and nothing came since.
  var isCutOff = false
  /// Its last heartbeat; nil since a restart until one comes.
  var heartbeat: StoreHeartbeat?
  /// The share of leaders and of data that the store gets, relative to other stores; 0 gets none. Durable.
  var leaderWeight = 1.0
  var regionWeight = 1.0
  /// Peers per minute that the store may get or lose; the configured rate where there is none. Durable.
  var limits: [StoreLimits.Direction: Double] = [:]
  /// The store at whose address this one registered while that one might be alive; nil if there is none. Until it is
  /// settled this store gets nothing.
  var claim: Claim?
  /// The highest timestamp up to which the store has reported that all regions it leads are resolved; 0 since a restart
  /// until it reports.
  var minResolvedTS: UInt64 = 0
  /// The process that registered under the store's id before the present one; nil if there was none.
  var predecessor: Predecessor?

  struct Predecessor: Sendable {
    var address: String
    /// Seconds since 1970.
    var startTimestamp: Int64
  }

  struct Claim: Sendable {
    var storeID: UInt64
    var since: Instant
  }

  init(_ info: StoreInfo, at now: Instant) {
    self.info = info
    lastSeen = now
  }

  var id: UInt64 { info.id }

  func silence(at now: Instant) -> Duration { now - lastSeen }

  /// Peers per minute that the store may get or lose. A store that is being removed loses them as fast as it can.
  func limit(_ direction: StoreLimits.Direction, _ config: PDConfig) -> Double {
    if direction == .removePeer, info.state != .up { return StoreLimits.unlimited }
    return limits[direction] ?? config.storeLimit
  }

  /// Whether replicas and leaders may be moved here.
  func isUsable(at now: Instant, _ config: PDConfig) -> Bool {
    info.state == .up && !isCutOff && claim == nil && isHeard(at: now, config)
      && !isLost(at: now, config)
  }

  /// Whether a heartbeat came lately.
  func isHeard(at now: Instant, _ config: PDConfig) -> Bool {
    hasHeartbeat && silence(at: now) <= config.disconnectTime
  }

  /// Whether its replicas must be recreated elsewhere.
  func isLost(at now: Instant, _ config: PDConfig) -> Bool {
    info.state != .up || silence(at: now) > config.maxStoreDownTime
  }

  /// Whether another process may replace it. A broken stream alone is no proof that its process has ended.
  func mayBeReplaced(at now: Instant, _ config: PDConfig) -> Bool {
    silence(at: now) >= config.takeoverDelay
  }

  mutating func recordHeartbeat(at reading: ClockReading) {
    lastSeen = reading.now
    hasHeartbeat = true
    isCutOff = false
    info.lastHeartbeat = Int64(clamping: reading.wallMilliseconds) &* 1_000_000
  }
}
