/// What a node thinks of itself; cheap.
package struct BasicStatus: Sendable, Equatable {
  package var id: UInt64
  package var hardState: HardState
  package var softState: SoftState
  package var applied: UInt64
  package var leadTransferee: UInt64
}

/// One tracked peer.
package struct PeerProgress: Sendable, Equatable {
  package var id: UInt64
  package var progress: Progress
}

/// What a node thinks of itself and, as leader, of its peers.
package struct Status: Sendable, Equatable {
  package var basic: BasicStatus
  package var config: TrackerConfig
  /// Ascending by id; empty unless leader.
  package var progress: [PeerProgress]
}
