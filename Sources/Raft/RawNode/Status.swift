/// The state of one node without its peers.
package struct BasicStatus: Sendable, Equatable {
  package var id: UInt64
  package var hardState: HardState
  package var softState: SoftState
  /// The last index reported as applied.
  package var applied: UInt64
  /// The target of a leadership transfer in progress (as leader), else `NodeID.none`.
  package var leadTransferee: UInt64
}

/// One tracked peer and its progress.
package struct PeerProgress: Sendable, Equatable {
  package var id: UInt64
  package var progress: Progress
}

/// The state of one node, its membership and, on a leader, its peers.
package struct Status: Sendable, Equatable {
  package var basic: BasicStatus
  package var config: TrackerConfig
  /// Ascending by id; empty unless the node leads.
  package var progress: [PeerProgress]
}
