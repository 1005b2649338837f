/// What a node thinks of itself and, as leader, of its peers.
package struct Status: Sendable, Equatable {
  package var basic: BasicStatus
  package var config: TrackerConfig
  /// Ascending by id; empty unless leader.
  package var progress: [PeerProgress]
}
