/// A member of the placement driver.
public struct MemberView: Sendable, Hashable, Codable {
  public var id: UInt64
  public var name: String
  public var clientURLs: [String]
  public var isLeader: Bool
  public var version: String

  enum CodingKeys: String, CodingKey {
    case id, name, version
    case clientURLs = "client_urls"
    case isLeader = "is_leader"
  }
}

/// A store as the placement driver knows it.
public struct StoreView: Sendable, Hashable, Codable {
  /// The state of the store in the cluster, as in `metapb.StoreState`.
  public enum State: String, Sendable, Hashable, Codable {
    case up = "Up"
    /// Its replicas are being moved to other stores.
    case offline = "Offline"
    /// Removed from the cluster for ever.
    case tombstone = "Tombstone"
  }

  public var id: UInt64
  /// The address for clients.
  public var address: String
  /// The address for other stores; empty if it is the same.
  public var peerAddress: String
  /// The address of the status port; empty if there is none.
  public var statusAddress: String
  public var state: State
  public var version: String
  /// Labels for placement, each `key=value`.
  public var labels: [String]
  /// When the store was started, in seconds since 1970.
  public var startTimestamp: Int64
  /// The time of the last heartbeat, in nanoseconds since 1970; 0 if there was none.
  public var lastHeartbeat: Int64
  /// From the last heartbeat; nil if there was none.
  public var statistics: StoreStatistics?

  enum CodingKeys: String, CodingKey {
    case id, address, state, version, labels, statistics
    case peerAddress = "peer_address"
    case statusAddress = "status_address"
    case startTimestamp = "start_timestamp"
    case lastHeartbeat = "last_heartbeat"
  }
}

/// A store's statistics as reported by its heartbeats. Sizes are in bytes.
public struct StoreStatistics: Sendable, Hashable, Codable {
  public var capacity: UInt64
  public var available: UInt64
  public var used: UInt64
  public var regions: UInt32
  public var isBusy: Bool
  public var sendingSnapshots: UInt32
  public var receivingSnapshots: UInt32
  public var applyingSnapshots: UInt32

  enum CodingKeys: String, CodingKey {
    case capacity, available, used, regions
    case isBusy = "is_busy"
    case sendingSnapshots = "sending_snapshots"
    case receivingSnapshots = "receiving_snapshots"
    case applyingSnapshots = "applying_snapshots"
  }
}

/// One replica of a region.
public struct PeerView: Sendable, Hashable, Codable {
  /// The replica's part in the raft group, as in `metapb.PeerRole`.
  public enum Role: String, Sendable, Hashable, Codable {
    case voter = "Voter"
    case learner = "Learner"
    case incomingVoter = "IncomingVoter"
    case demotingVoter = "DemotingVoter"
  }

  public var id: UInt64
  public var storeID: UInt64
  public var role: Role

  enum CodingKeys: String, CodingKey {
    case id, role
    case storeID = "store_id"
  }
}

/// A region as the placement driver knows it.
public struct RegionView: Sendable, Hashable {
  public var id: UInt64
  public var startKey: [UInt8]
  /// Empty: no upper bound.
  public var endKey: [UInt8]
  /// Increases with each change of the region's members.
  public var confVersion: UInt64
  /// Increases with each split and merge.
  public var version: UInt64
  public var peers: [PeerView]
  /// Nil while none is known.
  public var leader: PeerView?
  /// Peers from which the leader receives nothing.
  public var downPeers: [DownPeer]
  /// Peers that lack entries the leader's log no longer holds; they wait for a snapshot. Right after a split: all
  /// followers of a new region.
  public var pendingPeers: [PeerView]

  /// A peer and the seconds since the leader last received a message from it.
  public struct DownPeer: Sendable, Hashable, Codable {
    public var peer: PeerView
    public var seconds: UInt64
  }
}

extension RegionView: Encodable {
  enum CodingKeys: String, CodingKey {
    case id, version, peers, leader
    case startKey = "start_key"
    case endKey = "end_key"
    case startKeyHex = "start_key_hex"
    case endKeyHex = "end_key_hex"
    case confVersion = "conf_ver"
    case downPeers = "down_peers"
    case pendingPeers = "pending_peers"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(id, forKey: .id)
    try container.encode(KeyText.escaped(startKey), forKey: .startKey)
    try container.encode(KeyText.escaped(endKey), forKey: .endKey)
    try container.encode(KeyText.hex(startKey), forKey: .startKeyHex)
    try container.encode(KeyText.hex(endKey), forKey: .endKeyHex)
    try container.encode(confVersion, forKey: .confVersion)
    try container.encode(version, forKey: .version)
    try container.encode(peers, forKey: .peers)
    try container.encode(leader, forKey: .leader)
    try container.encode(downPeers, forKey: .downPeers)
    try container.encode(pendingPeers, forKey: .pendingPeers)
  }
}
