import Codec
import Runtime

/// A region as PD knows it: `region` is durable, the rest is from the last heartbeat.
struct RegionRecord: Sendable {
  var region: Region
  /// The leader that reported last; nil after a restart until a heartbeat comes.
  var leader: PeerInfo?
  /// The term that the leader reported; 0 if it is unknown.
  var term: UInt64 = 0
  /// Peers that lack log entries the leader no longer has.
  var pendingPeers: [PeerInfo] = []
  var downPeers: [DownPeer] = []
  /// Since when each pending or down peer has been one, by peer id: the first report of an unbroken row.
  var laggingSince: [UInt64: Instant] = [:]
  var approximateSize: UInt64 = 0
  var approximateKeys: UInt64 = 0
  var read = FlowMeter()
  var written = FlowMeter()
  /// When its leader reported this last; nil while none has, as after a restart or a report of a split.
  var confirmedAt: Instant?

  init(_ region: Region) {
    self.region = region
  }

  var id: UInt64 { region.id }

  /// The leader that clients see. The only voter of a region is its leader.
  var knownLeader: PeerInfo? {
    if let leader { return leader }
    let voters = region.peers.filter { $0.role == .voter }
    return voters.count == 1 ? voters[0] : nil
  }

  func isPending(_ peer: PeerInfo) -> Bool {
    pendingPeers.contains { $0.id == peer.id }
  }

  func isDown(_ peer: PeerInfo) -> Bool {
    downPeers.contains { $0.peer.id == peer.id }
  }

  /// For how long the leader has not heard from a down peer; nil if it is not down.
  func downSeconds(_ peer: PeerInfo) -> UInt64? {
    downPeers.first { $0.peer.id == peer.id }?.seconds
  }

  /// Whether every peer responds and follows.
  var isHealthy: Bool { pendingPeers.isEmpty && downPeers.isEmpty }

  /// Whether a membership change was begun and not ended.
  var isJoint: Bool { region.isJoint }
}
