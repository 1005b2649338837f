/// What a peer is to its region's quorum; numbers are `metapb.PeerRole`'s.
package enum PeerRole: Int, Sendable, Hashable, CaseIterable {
  case voter = 0
  case learner = 1
  /// Votes in the incoming half of a joint configuration only.
  case incomingVoter = 2
  /// Votes in the outgoing half only and becomes a learner when the joint state is left.
  case demotingVoter = 3
}

/// One replica of a region: `metapb.Peer`.
package struct PeerInfo: Sendable, Hashable {
  package var id: UInt64
  package var storeID: UInt64
  package var role: PeerRole
  /// Whether the peer has a log but no data, in TiKV. No peer of this version is one; a witness of another store
  /// gets neither leadership nor requests.
  package var isWitness: Bool

  package init(
    id: UInt64 = 0, storeID: UInt64 = 0, role: PeerRole = .voter, isWitness: Bool = false
  ) {
    self.id = id
    self.storeID = storeID
    self.role = role
    self.isWitness = isWitness
  }

  /// Whether this peer takes no part in any quorum.
  package var isLearner: Bool { role == .learner }
}

extension PeerInfo: CustomStringConvertible {
  package var description: String { "peer \(id) on store \(storeID) (\(role))" }
}
