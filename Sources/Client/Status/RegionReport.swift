package import Codec

/// The state of one replica: an element of the JSON array that a store's status port serves at `/regions`.
/// The store encodes it and `apus ctl region show` decodes it.
///
/// The coding keys are an interface that scripts read, too: none is renamed or removed. Versions meet during
/// an upgrade: unknown keys are ignored, so a field can be added, but it must be optional.
package struct RegionReport: Sendable, Hashable, Codable {
  /// A replica in the region's membership.
  package struct Member: Sendable, Hashable, Codable {
    package var id: UInt64
    package var storeID: UInt64
    /// `voter`, `learner`, `incomingVoter` or `demotingVoter`.
    package var role: String

    enum CodingKeys: String, CodingKey {
      case id, role
      case storeID = "store_id"
    }
  }

  /// What the leader knows of one replica's log.
  package struct Progress: Sendable, Hashable, Codable {
    package var peerID: UInt64
    /// The highest index known to be on the replica.
    package var match: UInt64
    /// The index of the next entry to send.
    package var next: UInt64
    /// `probe`, `replicate` or `snapshot`.
    package var state: String
    /// Whether the replica responded within the last election timeout.
    package var active: Bool
    package var learner: Bool

    package init(
      peerID: UInt64, match: UInt64, next: UInt64, state: String, active: Bool, learner: Bool
    ) {
      self.peerID = peerID
      self.match = match
      self.next = next
      self.state = state
      self.active = active
      self.learner = learner
    }

    enum CodingKeys: String, CodingKey {
      case match, next, state, active, learner
      case peerID = "peer_id"
    }
  }

  /// The replica's raft role.
  package enum Role: String, Sendable, Hashable, Codable {
    case follower, candidate, leader
    case preCandidate = "pre_candidate"
  }

  package var id: UInt64
  /// The region's bounds in hexadecimal; an empty end is no upper bound.
  package var start: String
  package var end: String
  package var confVersion: UInt64
  package var version: UInt64
  package var peers: [Member]
  /// The peer that this report is about.
  package var peerID: UInt64
  package var role: Role
  /// The stored state of the peer, such as `normal` or `tombstone`; `applying` while a snapshot is applied.
  package var state: String
  /// The leader's peer id; 0 while none is known.
  package var leader: UInt64 = 0
  package var term: UInt64 = 0
  /// The peer voted for in this term; 0 for none.
  package var vote: UInt64 = 0
  /// Log indexes: committed and applied ones, the first and the last in the log, and the last that
  /// compaction removed.
  package var committed: UInt64 = 0
  package var applied: UInt64 = 0
  package var first: UInt64 = 0
  package var last: UInt64 = 0
  package var truncated: UInt64 = 0
  /// What is left of the leader lease, in milliseconds; nil without a lease.
  package var leaseMilliseconds: Int64?
  /// One for each replica on the leader; empty elsewhere.
  package var progress: [Progress] = []

  /// A report whose terms, indexes and progress are still to be set.
  package init(region: Region, peerID: UInt64, role: Role, state: String) {
    id = region.id
    start = region.startKey.hex
    end = region.endKey.hex
    confVersion = region.epoch.confVersion
    version = region.epoch.version
    peers = region.peers.map { Member(id: $0.id, storeID: $0.storeID, role: "\($0.role)") }
    self.peerID = peerID
    self.role = role
    self.state = state
  }

  enum CodingKeys: String, CodingKey {
    case id, start, end, version, peers, role, state, leader, term, vote, committed, applied
    case first, last, truncated, progress
    case confVersion = "conf_ver"
    case peerID = "peer_id"
    case leaseMilliseconds = "lease_ms"
  }
}
