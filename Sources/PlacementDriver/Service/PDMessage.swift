package import Wire

/// The messages of PD's worker.
package enum PDMessage: Sendable {
  case call(PDCall)
  /// The heartbeat stream of a store broke.
  case storeDisconnected(UInt64)
  /// A few times a second.
  case tick
}

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
