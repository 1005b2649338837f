package import Codec

/// An event for the log. The core has no logger: its handler passes these on.
package enum PDNotice: Sendable, Hashable {
  /// A heartbeat was refused as stale; at most once a minute for each region.
  case refusedStaleHeartbeat(regionID: UInt64, reason: String)
  /// Known regions were replaced by the report of a leader that had repeated it for long, while no leader confirmed
  /// them.
  case replacedUnconfirmed([Region], by: Region, leader: PeerInfo, after: Duration)
}
