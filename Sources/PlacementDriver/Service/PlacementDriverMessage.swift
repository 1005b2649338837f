/// What the driver's worker is sent.
package enum PlacementDriverMessage: Sendable {
  case call(PlacementDriverCall)
  /// The heartbeat stream of a store broke.
  case storeDisconnected(UInt64)
  /// A few times a second.
  case tick
}
