import Codec
import Raft
import Raftstore

/// One replica's state, as the status port tells it.
struct RegionReport: Encodable {
  struct Member: Encodable {
    var id: UInt64
    var storeID: UInt64
    var role: String

    enum CodingKeys: String, CodingKey {
      case id, role
      case storeID = "store_id"
    }
  }

  struct Progress: Encodable {
    var peerID: UInt64
    var match: UInt64
    var next: UInt64
    var state: String
    var active: Bool
    var learner: Bool

    enum CodingKeys: String, CodingKey {
      case match, next, state, active, learner
      case peerID = "peer_id"
    }
  }

  var id: UInt64
  /// Keys in hexadecimal; an empty end is no bound.
  var start: String
  var end: String
  var confVersion: UInt64
  var version: UInt64
  var peers: [Member]
  var peerID: UInt64
  var role: String
  var state: String
  /// The leader's peer id; 0 when it is not known.
  var leader: UInt64
  var term: UInt64
  var vote: UInt64
  var committed: UInt64
  var applied: UInt64
  var first: UInt64
  var last: UInt64
  var truncated: UInt64
  var leaseMilliseconds: Int64?
  var progress: [Progress]

  enum CodingKeys: String, CodingKey {
    case id, start, end, version, peers, role, state, leader, term, vote, committed, applied
    case first, last, truncated, progress
    case confVersion = "conf_ver"
    case peerID = "peer_id"
    case leaseMilliseconds = "lease_ms"
  }

  init(_ status: RegionStatus) {
    id = status.region.id
    start = status.region.startKey.hex
    end = status.region.endKey.hex
    confVersion = status.region.epoch.confVersion
    version = status.region.epoch.version
    peers = status.region.peers.map {
      Member(id: $0.id, storeID: $0.storeID, role: "\($0.role)")
    }
    peerID = status.peer.id
    role =
      switch status.role {
      case .follower: "follower"
      case .preCandidate: "pre_candidate"
      case .candidate: "candidate"
      case .leader: "leader"
      }
    state = status.isApplyingSnapshot ? "applying" : "\(status.peerState)"
    leader = status.leaderPeerID
    term = status.term
    vote = status.vote
    committed = status.committed
    applied = status.applied
    first = status.firstIndex
    last = status.lastIndex
    truncated = status.truncatedIndex
    leaseMilliseconds = status.leaseMilliseconds
    progress = status.progress.map {
      Progress(
        peerID: $0.peerID, match: $0.match, next: $0.next, state: $0.state, active: $0.isActive,
        learner: $0.isLearner)
    }
  }
}
