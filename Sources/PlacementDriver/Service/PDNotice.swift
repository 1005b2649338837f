package import Codec

/// Something the log should say. The driver has no log of its own: its handler passes these on.
package enum PDNotice: Sendable, Hashable {
  /// A heartbeat was refused as stale; at most once a minute for each region.
  case refusedStaleHeartbeat(regionID: UInt64, reason: String)
  /// What was known of these regions gave way to a leader that had reported for long while no leader
  /// confirmed them.
  case replacedUnconfirmed([Region], by: Region, leader: PeerInfo, after: Duration)
}
