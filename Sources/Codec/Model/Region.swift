package import Raft

/// How often a region changed its members (`confVersion`) and its range (`version`).
package struct RegionEpoch: Sendable, Hashable {
  package var confVersion: UInt64
  package var version: UInt64

  package init(confVersion: UInt64 = 0, version: UInt64 = 0) {
    self.confVersion = confVersion
    self.version = version
  }

  /// The epoch of a region that was just bootstrapped.
  package static let initial = RegionEpoch(confVersion: 1, version: 1)

  /// Whether either component is behind `other`'s.
  package func isStale(comparedTo other: RegionEpoch) -> Bool {
    version < other.version || confVersion < other.confVersion
  }
}

extension RegionEpoch: CustomStringConvertible {
  package var description: String { "\(confVersion)/\(version)" }
}

/// A contiguous range of keys and the peers that replicate it: `metapb.Region`.
package struct Region: Sendable, Hashable {
  package var id: UInt64
  package var startKey: [UInt8]
  /// Empty means no upper bound.
  package var endKey: [UInt8]
  package var epoch: RegionEpoch
  package var peers: [PeerInfo]

  package init(
    id: UInt64 = 0, startKey: [UInt8] = [], endKey: [UInt8] = [],
    epoch: RegionEpoch = RegionEpoch(), peers: [PeerInfo] = []
  ) {
    self.id = id
    self.startKey = startKey
    self.endKey = endKey
    self.epoch = epoch
    self.peers = peers
  }

  package var range: KeyRange { KeyRange(start: startKey, end: endKey) }

  /// A peer made by a message knows its region's id only, until a snapshot brings the rest.
  package var isInitialized: Bool { !peers.isEmpty }

  /// The region's peer on this store; nil when it has none.
  package func peer(onStore storeID: UInt64) -> PeerInfo? {
    peers.first { $0.storeID == storeID }
  }

  /// The region's peer of this id; nil when it has none.
  package func peer(id: UInt64) -> PeerInfo? {
    peers.first { $0.id == id }
  }

  /// Whether the region holds `key`.
  package func contains(_ key: [UInt8]) -> Bool {
    !precedes(key, startKey) && (endKey.isEmpty || precedes(key, endKey))
  }

  /// Whether the region holds all of `range`.
  package func contains(_ range: KeyRange) -> Bool {
    self.range.contains(range)
  }
}

extension Region: CustomStringConvertible {
  package var description: String {
    let members = peers.map { "\($0.id)@\($0.storeID)" }.joined(separator: ",")
    return "region \(id) \(range) epoch \(epoch) peers [\(members)]"
  }
}

extension Region {
  /// The raft membership that the roles of the region's peers amount to, in ascending order.
  package var confState: Raft.ConfState {
    var state = Raft.ConfState()
    var isJoint = false
    for peer in peers.sorted(by: { $0.id < $1.id }) {
      switch peer.role {
      case .voter:
        state.voters.append(peer.id)
        state.votersOutgoing.append(peer.id)
      case .learner:
        state.learners.append(peer.id)
      case .incomingVoter:
        isJoint = true
        state.voters.append(peer.id)
      case .demotingVoter:
        isJoint = true
        state.votersOutgoing.append(peer.id)
        state.learnersNext.append(peer.id)
      }
    }
    if !isJoint { state.votersOutgoing = [] }
    return state
  }

  /// Whether a membership change is half done.
  package var isJoint: Bool {
    peers.contains { $0.role == .incomingVoter || $0.role == .demotingVoter }
  }
}
