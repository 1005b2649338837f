import Codec
import Wire

// From the messages of PD to the types of the client's interface.

extension MemberView {
  init(_ wire: Pdpb_Member, leader: UInt64) {
    self.init(
      id: wire.memberID, name: wire.name, clientURLs: wire.clientUrls,
      isLeader: wire.memberID == leader, version: wire.binaryVersion)
  }
}

extension StoreView {
  init(_ wire: Metapb_Store, statistics: StoreStatistics?) throws(ClientError) {
    let info: StoreInfo
    do { info = try StoreInfo(wire) } catch { throw .malformedResponse("store: \(error)") }
    let state: State =
      switch info.state {
      case .up: .up
      case .offline: .offline
      case .tombstone: .tombstone
      }
    self.init(
      id: info.id, address: info.address, peerAddress: info.peerAddress,
      statusAddress: info.statusAddress, state: state, version: info.version,
      labels: info.labels.map { "\($0.key)=\($0.value)" }, startTimestamp: info.startTimestamp,
      lastHeartbeat: info.lastHeartbeat, statistics: statistics)
  }
}

extension StoreStatistics {
  init(_ wire: Pdpb_StoreStats) {
    self.init(
      capacity: wire.capacity, available: wire.available, used: wire.usedSize,
      regions: wire.regionCount, isBusy: wire.isBusy, sendingSnapshots: wire.sendingSnapCount,
      receivingSnapshots: wire.receivingSnapCount, applyingSnapshots: wire.applyingSnapCount)
  }
}

extension PeerView {
  init(_ wire: Metapb_Peer) throws(ClientError) {
    let peer: PeerInfo
    do { peer = try PeerInfo(wire) } catch { throw .malformedResponse("peer: \(error)") }
    let role: Role =
      switch peer.role {
      case .voter: .voter
      case .learner: .learner
      case .incomingVoter: .incomingVoter
      case .demotingVoter: .demotingVoter
      }
    self.init(id: peer.id, storeID: peer.storeID, role: role)
  }

  static func list(_ wires: [Metapb_Peer]) throws(ClientError) -> [PeerView] {
    var views: [PeerView] = []
    for wire in wires { views.append(try PeerView(wire)) }
    return views
  }
}

extension RegionView {
  init(
    _ region: Metapb_Region, leader: Metapb_Peer?, down: [Pdpb_PeerStats], pending: [Metapb_Peer]
  ) throws(ClientError) {
    var downPeers: [DownPeer] = []
    for stats in down {
      downPeers.append(DownPeer(peer: try PeerView(stats.peer), seconds: stats.downSeconds))
    }
    let known = leader.flatMap { $0.id == 0 ? nil : $0 }
    var leaderView: PeerView?
    if let known { leaderView = try PeerView(known) }
    self.init(
      id: region.id, startKey: [UInt8](region.startKey), endKey: [UInt8](region.endKey),
      confVersion: region.regionEpoch.confVer, version: region.regionEpoch.version,
      peers: try PeerView.list(region.peers), leader: leaderView, downPeers: downPeers,
      pendingPeers: try PeerView.list(pending))
  }

  /// Nil if the response names no region.
  init?(_ response: Pdpb_GetRegionResponse) throws(ClientError) {
    guard response.hasRegion else { return nil }
    try self.init(
      response.region, leader: response.hasLeader ? response.leader : nil, down: response.downPeers,
      pending: response.pendingPeers)
  }

  init(_ region: Pdpb_Region) throws(ClientError) {
    try self.init(
      region.region, leader: region.hasLeader ? region.leader : nil, down: region.downPeers,
      pending: region.pendingPeers)
  }
}
