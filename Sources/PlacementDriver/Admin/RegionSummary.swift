package import Codec

/// One region as people and their tools ask about it.
package struct RegionSummary: Sendable, Hashable {
  package var region: Region
  /// Nil when no leader is known.
  package var leader: PeerInfo?
  package var pendingPeers: [PeerInfo]
  package var downPeers: [DownPeer]
  /// Bytes, as the leader estimates.
  package var approximateSize: UInt64
  package var approximateKeys: UInt64

  init(_ record: RegionRecord) {
    region = record.region
    leader = record.knownLeader
    pendingPeers = record.pendingPeers
    downPeers = record.downPeers.map { DownPeer(peer: $0.peer, seconds: $0.seconds) }
    approximateSize = record.approximateSize
    approximateKeys = record.approximateKeys
  }

  /// A peer that does not respond to its leader, and for how long.
  package struct DownPeer: Sendable, Hashable {
    package var peer: PeerInfo
    package var seconds: UInt64
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
  /// The version clients are told.
  package var version: String
}

/// Which versions may be collected, and who still needs which.
package struct SafePointSummary: Sendable, Hashable {
  package var gcSafePoint: UInt64
  package var services: [Service]

  /// A service's safe point: nothing newer than it may be collected before it expires.
  package struct Service: Sendable, Hashable {
    package var id: [UInt8]
    /// Seconds since 1970.
    package var expiresAt: Int64
    package var safePoint: UInt64
  }
}
