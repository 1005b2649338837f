package import Codec

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

/// One store as people ask about it.
package struct StoreSummary: Sendable, Hashable {
  package var info: StoreInfo
  package var status: StoreStatus
  package var leaderCount: Int
  package var peerCount: Int
  package var pendingPeerCount: Int
  /// Bytes, as the leaders of its regions estimate.
  package var regionSize: UInt64
  package var leaderSize: UInt64
  /// Bytes, as the store reported; 0 before its first report.
  package var capacity: UInt64
  package var available: UInt64
  package var used: UInt64
  package var isBusy: Bool
  /// Time since it was heard from last, or since the driver started.
  package var silence: Duration
  /// The store whose address this newcomer waits for.
  package var claimedStoreID: UInt64?
}
