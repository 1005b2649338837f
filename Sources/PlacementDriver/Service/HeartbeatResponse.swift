package import Wire

/// A message for the heartbeat stream of one store.
package struct HeartbeatResponse: Sendable {
  /// The store whose stream carries it; 0 where the request named none: the stream it came on.
  package var storeID: UInt64
  package var response: Pdpb_RegionHeartbeatResponse

  package init(storeID: UInt64, response: Pdpb_RegionHeartbeatResponse) {
    self.storeID = storeID
    self.response = response
  }
}
