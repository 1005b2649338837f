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
