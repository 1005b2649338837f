package import Codec

/// What reaches the store worker.
package enum StoreMessage: Sendable {
  /// A raft message for a region this store has no peer of.
  case raft(RaftEnvelope)
  case tick(StoreTick)
}

/// Recurring duties of a store.
package enum StoreTick: Sendable {
  case heartbeat
  case collectSnapshots
}
