package import Codec

/// A region as PD knows it.
package struct RegionSummary: Sendable, Hashable {
  package var region: Region
  /// Nil when no leader is known. The only voter of a region is its leader.
  package var leader: PeerInfo?
  package var pendingPeers: [PeerInfo]
  package var downPeers: [DownPeer]
  /// Bytes, as the leader estimates.
  package var approximateSize: UInt64
  package var approximateKeys: UInt64
  /// What the leader counted between its last two reports.
  package var read: RegionFlow
  package var written: RegionFlow

  init(_ record: RegionRecord) {
    region = record.region
    leader = record.knownLeader
    pendingPeers = record.pendingPeers
    downPeers = record.downPeers
    approximateSize = record.approximateSize
    approximateKeys = record.approximateKeys
    read = record.read.last
    written = record.written.last
  }
}

/// Configuration and membership, which change rarely.
package struct PDSummary: Sendable, Hashable {
  package var clusterID: UInt64
  package var memberID: UInt64
  package var isBootstrapped: Bool
  package var maxReplicas: Int
  package var regionCount: Int
  package var config: PDConfig
  /// The version that clients see.
  package var version: String
}

/// Which versions may be collected, and who still needs which.
package struct SafePointSummary: Sendable, Hashable {
  package var gcSafePoint: UInt64
  /// Transactions that began before it are barred.
  package var txnSafePoint: UInt64
  package var services: [Service]

  /// A service's safe point: nothing newer than it may be collected before it expires.
  package struct Service: Sendable, Hashable {
    package var id: [UInt8]
    /// Seconds since 1970.
    package var expiresAt: Int64
    package var safePoint: UInt64
  }
}
