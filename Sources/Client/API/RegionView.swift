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
