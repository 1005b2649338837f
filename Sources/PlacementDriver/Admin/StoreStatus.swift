/// A store's state, as TiKV's tools name it.
package enum StoreStatus: String, Sendable, Hashable, CaseIterable {
  /// Heard from lately.
  case up = "Up"
  /// Silent, and expected back.
  case disconnected = "Disconnected"
  /// Silent for so long that its replicas are recreated elsewhere.
  case down = "Down"
  /// Told to leave; its replicas are moving away.
  case offline = "Offline"
  /// Gone; its id is never used again.
  case tombstone = "Tombstone"
}
