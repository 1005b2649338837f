package import Codec

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
