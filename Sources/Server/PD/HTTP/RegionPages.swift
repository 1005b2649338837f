import Codec
import PlacementDriver

/// A region as PD's HTTP API shows it; keys are in upper-case hexadecimal.
struct RegionPage: Encodable {
  struct Epoch: Encodable {
    var confVersion: UInt64?
    var version: UInt64?

    enum CodingKeys: String, CodingKey {
      case version
      case confVersion = "conf_ver"
    }
  }

  /// What is written of `metapb.Peer`, and its role in words.
  struct Member: Encodable {
    var id: UInt64
    var storeID: UInt64
    var role: Int?
    var roleName: String
    var isLearner: Bool?

    enum CodingKeys: String, CodingKey {
      case id, role
      case storeID = "store_id"
      case roleName = "role_name"
      case isLearner = "is_learner"
    }

    init(_ peer: PeerInfo) {
      id = peer.id
      storeID = peer.storeID
      role = peer.wire.role.rawValue.nonzero
      roleName =
        switch peer.role {
        case .voter: "Voter"
        case .learner: "Learner"
        case .incomingVoter: "IncomingVoter"
        case .demotingVoter: "DemotingVoter"
        }
      isLearner = peer.isLearner ? true : nil
    }
  }

  struct DownMember: Encodable {
    var peer: Member
    var downSeconds: UInt64

    enum CodingKeys: String, CodingKey {
      case peer
      case downSeconds = "down_seconds"
    }
  }

  var id: UInt64
  var startKey: String
  var endKey: String
  var epoch: Epoch
  var peers: [Member]
  /// Absent when none is known.
  var leader: Member?
  var downPeers: [DownMember]?
  var pendingPeers: [Member]?
  /// Not counted.
  var cpuUsage = 0
  var writtenBytes: UInt64
  var readBytes: UInt64
  var writtenKeys: UInt64
  var readKeys: UInt64
  /// In MiB.
  var approximateSize: UInt64
  var approximateKeys: UInt64

  enum CodingKeys: String, CodingKey {
    case id, epoch, peers, leader
    case startKey = "start_key"
    case endKey = "end_key"
    case downPeers = "down_peers"
    case pendingPeers = "pending_peers"
    case cpuUsage = "cpu_usage"
    case writtenBytes = "written_bytes"
    case readBytes = "read_bytes"
    case writtenKeys = "written_keys"
    case readKeys = "read_keys"
    case approximateSize = "approximate_size"
    case approximateKeys = "approximate_keys"
  }

  init(_ summary: RegionSummary) {
    let region = summary.region
    id = region.id
    startKey = region.startKey.hex.uppercased()
    endKey = region.endKey.hex.uppercased()
    epoch = Epoch(
      confVersion: region.epoch.confVersion.nonzero, version: region.epoch.version.nonzero)
    peers = region.peers.map(Member.init)
    leader = summary.leader.map(Member.init)
    if !summary.downPeers.isEmpty {
      downPeers = summary.downPeers.map {
        DownMember(peer: Member($0.peer), downSeconds: $0.seconds)
      }
    }
    if !summary.pendingPeers.isEmpty { pendingPeers = summary.pendingPeers.map(Member.init) }
    (writtenBytes, writtenKeys) = (summary.written.bytes, summary.written.keys)
    (readBytes, readKeys) = (summary.read.bytes, summary.read.keys)
    approximateSize = summary.approximateSize.mebibytes
    approximateKeys = summary.approximateKeys
  }
}

/// Figures of the regions of a key range.
struct RegionStatisticsPage: Encodable {
  var count = 0
  var emptyCount = 0
  /// In MiB.
  var storageSize: UInt64 = 0
  var storageKeys: UInt64 = 0
  private var leaders: [UInt64: UInt64] = [:]
  private var peers: [UInt64: UInt64] = [:]
  private var sizes: [UInt64: UInt64] = [:]
  private var keys: [UInt64: UInt64] = [:]

  mutating func add(_ summary: RegionSummary) {
    count += 1
    let size = summary.approximateSize.mebibytes
    if size <= 1 { emptyCount += 1 }
    storageSize &+= size
    storageKeys &+= summary.approximateKeys
    if let leader = summary.leader { leaders[leader.storeID, default: 0] += 1 }
    for peer in summary.region.peers {
      peers[peer.storeID, default: 0] += 1
      sizes[peer.storeID, default: 0] &+= size
      keys[peer.storeID, default: 0] &+= summary.approximateKeys
    }
  }

  func encode(to encoder: any Encoder) throws {
    func object(_ numbers: [UInt64: UInt64]) -> JSONObject {
      JSONObject(numbers.sorted { $0.key < $1.key }.map { ("\($0.key)", $0.value) })
    }
    try JSONObject([
      ("count", count), ("empty_count", emptyCount), ("storage_size", storageSize),
      ("storage_keys", storageKeys), ("store_leader_count", object(leaders)),
      ("store_peer_count", object(peers)), ("store_peer_size", object(sizes)),
      ("store_peer_keys", object(keys)),
    ]).encode(to: encoder)
  }
}
