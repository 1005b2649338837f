/// One store as the placement driver knows it: `metapb.Store`.
package struct StoreInfo: Sendable, Hashable {
  /// Whether data may live on the store; numbers are `metapb.StoreState`'s.
  package enum State: Int, Sendable, Hashable, CaseIterable {
    case up = 0
    case offline = 1
    case tombstone = 2
  }

  /// Where the store is in its life; numbers are `metapb.NodeState`'s.
  package enum NodeState: Int, Sendable, Hashable, CaseIterable {
    case preparing = 0
    case serving = 1
    case removing = 2
    case removed = 3
  }

  /// A name and a value by which placement distinguishes stores.
  package struct Label: Sendable, Hashable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  package var id: UInt64
  /// Where clients reach the store.
  package var address: String
  /// Where other stores reach it.
  package var peerAddress: String
  package var statusAddress: String
  package var version: String
  package var gitHash: String
  /// Seconds since 1970.
  package var startTimestamp: Int64
  package var deployPath: String
  package var state: State
  package var nodeState: NodeState
  /// Nanoseconds since 1970.
  package var lastHeartbeat: Int64
  package var physicallyDestroyed: Bool
  package var labels: [Label]

  package init(
    id: UInt64 = 0, address: String = "", peerAddress: String = "", statusAddress: String = "",
    version: String = "", gitHash: String = "", startTimestamp: Int64 = 0,
    deployPath: String = "", state: State = .up, nodeState: NodeState = .preparing,
    lastHeartbeat: Int64 = 0, physicallyDestroyed: Bool = false, labels: [Label] = []
  ) {
    self.id = id
    self.address = address
    self.peerAddress = peerAddress
    self.statusAddress = statusAddress
    self.version = version
    self.gitHash = gitHash
    self.startTimestamp = startTimestamp
    self.deployPath = deployPath
    self.state = state
    self.nodeState = nodeState
    self.lastHeartbeat = lastHeartbeat
    self.physicallyDestroyed = physicallyDestroyed
    self.labels = labels
  }
}

/// What holds for the cluster as a whole: `metapb.Cluster`.
package struct ClusterInfo: Sendable, Hashable {
  package var id: UInt64
  /// Voters that every region is brought to; 0 if none was ever set.
  package var maxPeerCount: UInt32

  package init(id: UInt64, maxPeerCount: UInt32) {
    self.id = id
    self.maxPeerCount = maxPeerCount
  }
}
