import Codec
import PlacementDriver

/// A store as PD's HTTP API shows it.
struct StorePage: Encodable {
  struct Label: Encodable {
    var key: String
    var value: String
  }

  /// What is written of `metapb.Store`, and the name of its state.
  struct Meta: Encodable {
    var id: UInt64
    var address: String
    /// Left out while the store is up, as all that is 0.
    var state: Int?
    var labels: [Label]?
    var version: String?
    var peerAddress: String?
    var statusAddress: String?
    var gitHash: String?
    var startTimestamp: Int64?
    var deployPath: String?
    var lastHeartbeat: Int64?
    var physicallyDestroyed: Bool?
    var nodeState: Int?
    var stateName: String

    enum CodingKeys: String, CodingKey {
      case id, address, state, labels, version
      case peerAddress = "peer_address"
      case statusAddress = "status_address"
      case gitHash = "git_hash"
      case startTimestamp = "start_timestamp"
      case deployPath = "deploy_path"
      case lastHeartbeat = "last_heartbeat"
      case physicallyDestroyed = "physically_destroyed"
      case nodeState = "node_state"
      case stateName = "state_name"
    }
  }

  struct Status: Encodable {
    var capacity: String
    var available: String
    var usedSize: String
    var leaderCount: Int
    var leaderWeight: Double
    var leaderScore: Double
    /// In MiB, as all sizes of regions.
    var leaderSize: UInt64
    var regionCount: Int
    var regionWeight: Double
    var regionScore: Double
    var regionSize: UInt64
    var pendingPeerCount: Int?
    var isBusy: Bool?
    var sendingSnapshots: UInt64?
    var receivingSnapshots: UInt64?
    var startTime: String?
    var lastHeartbeatTime: String?
    var uptime: String?

    enum CodingKeys: String, CodingKey {
      case capacity, available, uptime
      case usedSize = "used_size"
      case leaderCount = "leader_count"
      case leaderWeight = "leader_weight"
      case leaderScore = "leader_score"
      case leaderSize = "leader_size"
      case regionCount = "region_count"
      case regionWeight = "region_weight"
      case regionScore = "region_score"
      case regionSize = "region_size"
      case pendingPeerCount = "pending_peer_count"
      case isBusy = "is_busy"
      case sendingSnapshots = "sending_snap_count"
      case receivingSnapshots = "receiving_snap_count"
      case startTime = "start_ts"
      case lastHeartbeatTime = "last_heartbeat_ts"
    }
  }

  var store: Meta
  var status: Status

  init(_ summary: StoreSummary) {
    let info = summary.info
    store = Meta(
      id: info.id, address: info.address, state: info.state.rawValue.nonzero,
      labels: info.labels.isEmpty ? nil : info.labels.map { Label(key: $0.key, value: $0.value) },
      version: info.version.nonempty, peerAddress: info.peerAddress.nonempty,
      statusAddress: info.statusAddress.nonempty, gitHash: info.gitHash.nonempty,
      startTimestamp: info.startTimestamp.nonzero, deployPath: info.deployPath.nonempty,
      lastHeartbeat: info.lastHeartbeat.nonzero,
      physicallyDestroyed: info.physicallyDestroyed ? true : nil,
      nodeState: info.nodeState.rawValue.nonzero, stateName: summary.status.rawValue)
    let regionSize = summary.regionSize.mebibytes
    status = Status(
      capacity: PDJSON.size(summary.capacity),
      available: PDJSON.size(summary.available),
      usedSize: PDJSON.size(summary.used), leaderCount: summary.leaderCount,
      leaderWeight: summary.leaderWeight,
      leaderScore: Double(summary.leaderCount) / max(summary.leaderWeight, 1e-6),
      leaderSize: summary.leaderSize.mebibytes, regionCount: summary.peerCount,
      regionWeight: summary.regionWeight, regionScore: summary.regionScore, regionSize: regionSize,
      pendingPeerCount: summary.pendingPeerCount.nonzero, isBusy: summary.isBusy ? true : nil,
      sendingSnapshots: summary.sendingSnapshots.nonzero,
      receivingSnapshots: summary.receivingSnapshots.nonzero)
    let heard = info.lastHeartbeat / 1_000_000_000
    if summary.capacity > 0 {
      status.startTime = PDJSON.time(secondsSince1970: info.startTimestamp)
    }
    if heard > 0 { status.lastHeartbeatTime = PDJSON.time(secondsSince1970: heard) }
    if info.startTimestamp > 0, heard > info.startTimestamp {
      status.uptime = PDJSON.duration(.seconds(heard - info.startTimestamp))
    }
  }
}

/// Stores as PD's HTTP API lists them.
struct StoresPage: Encodable {
  var count: Int
  var stores: [StorePage]

  init(_ summaries: [StoreSummary]) {
    stores = summaries.map(StorePage.init)
    count = stores.count
  }
}

extension BinaryInteger {
  /// Nil for 0, which is left out.
  var nonzero: Self? { self == 0 ? nil : self }
}

extension UInt64 {
  /// Bytes in MiB, rounded up.
  var mebibytes: UInt64 { self / (1 << 20) + (self % (1 << 20) == 0 ? 0 : 1) }
}

extension String {
  var nonempty: String? { isEmpty ? nil : self }
}
