/// How a store is doing, in the words people know from TiKV's tools.
package enum StoreStatus: String, Sendable, Hashable, CaseIterable {
  /// Heard of lately.
  case up = "Up"
  /// Silent, and expected back.
  case disconnected = "Disconnected"
  /// Silent for so long that its replicas are made anew elsewhere.
  case down = "Down"
  /// Told to leave; its replicas are moving away.
  case offline = "Offline"
  /// Gone; its id is never used again.
  case tombstone = "Tombstone"
}
