/// The messages of PD's worker.
package enum PDMessage: Sendable {
  case call(PDCall)
  /// The heartbeat stream of a store broke.
  case storeDisconnected(UInt64)
  /// A few times a second.
  case tick
}
