package import Codec

/// A store's state, as TiKV's tools name it.
package enum StoreStatus: String, Sendable, Hashable, CaseIterable {
  /// It reported lately.
  case up = "Up"
  /// Silent, and expected to return.
  case disconnected = "Disconnected"
  /// Silent for so long that its replicas are recreated elsewhere.
  case down = "Down"
  /// Being removed; its replicas are moving away.
  case offline = "Offline"
  /// Removed; its id is never used again.
  case tombstone = "Tombstone"
}

/// A store as PD knows it.
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
  package var leaderWeight: Double
  package var regionWeight: Double
  /// As balancing compares stores.
  package var regionScore: Double
  /// Peers per minute that the store may get and lose.
  package var addLimit: Double
  package var removeLimit: Double
  package var sendingSnapshots: UInt64
  package var receivingSnapshots: UInt64
  /// Time since its last heartbeat, or since PD started if there was none.
  package var silence: Duration
  /// The store at whose address this one registered, while that one may be alive; nil if there is none.
  package var claimedStoreID: UInt64?
}
