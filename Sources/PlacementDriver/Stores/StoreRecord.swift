import Codec
import Runtime
import Wire

/// A store as PD knows it: `info` is durable, the rest is lost on a restart.
struct StoreRecord: Sendable {
  var info: StoreInfo
  /// When it was heard from last; the driver's own start where it was not heard from since.
  var lastSeen: Instant
  /// Whether it was heard from since the driver started.
  var hasHeartbeat = false
  /// Its connection broke and nothing came since.
  var isCutOff = false
  /// What its last heartbeat said.
  var stats: Pdpb_StoreStats?
  /// The store whose address this one came up at while that one might still have been alive.
  /// Until that is settled the newcomer gets nothing.
  var claim: Claim?
  /// The process that had the store's id before the present one.
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

  /// Whether replicas and leaders may be moved here.
  func isUsable(at now: Instant, _ config: PDConfig) -> Bool {
    info.state == .up && !isCutOff && claim == nil && isHeard(at: now, config)
  }

  /// Whether it was heard from lately.
  func isHeard(at now: Instant, _ config: PDConfig) -> Bool {
    hasHeartbeat && silence(at: now) <= config.disconnectTime
  }

  /// Whether its replicas must be recreated elsewhere.
  func isTombstone(at now: Instant, _ config: PDConfig) -> Bool {
    info.state != .up || silence(at: now) > config.maxStoreDownTime
  }

  /// Whether another process may take its place. A broken stream alone says nothing: networks break too.
  func isDisconnected(at now: Instant, _ config: PDConfig) -> Bool {
    silence(at: now) >= config.takeoverDelay
  }

  mutating func recordHeartbeat(at reading: ClockReading) {
    lastSeen = reading.now
    hasHeartbeat = true
    isCutOff = false
    info.lastHeartbeat = Int64(clamping: reading.wallMilliseconds) &* 1_000_000
  }
}
