import Codec
import PlacementDriver
import Protobuf
import Runtime
import SwiftProtobuf
import Wire

extension PDMethods {
  /// One message of a `RegionHeartbeat` stream; nil if there is nothing for the leader to do. A refusal is a
  /// response that names the region as the request did; the stream goes on.
  static func regionHeartbeat(
    _ core: PDCore, _ request: Pdpb_RegionHeartbeatRequest, _ reading: ClockReading
  ) throws(PDError) -> Pdpb_RegionHeartbeatResponse? {
    try core.requireCluster(id: request.header.clusterID)
    do throws(PDError) {
      let heartbeat: RegionHeartbeat
      do throws(PDError) {
        heartbeat = try RegionHeartbeat(request)
      } catch {
        core.countMalformedHeartbeat()
        throw error
      }
      return try core.regionHeartbeat(heartbeat, reading)?.wire(core.clusterID)
    } catch {
      var response = Pdpb_RegionHeartbeatResponse()
      response.header = try header(core.clusterID, refusal: error)
      if request.hasRegion {
        response.regionID = request.region.id
        response.regionEpoch = request.region.regionEpoch
      }
      if request.hasLeader { response.targetPeer = request.leader }
      return response
    }
  }
}

extension RegionHeartbeat {
  func wire(_ clusterID: UInt64) -> Pdpb_RegionHeartbeatRequest {
    .with {
      $0.header.clusterID = clusterID
      $0.region = region.wire
      $0.leader = leader.wire
      $0.term = term
      $0.pendingPeers = pendingPeers.map(\.wire)
      $0.downPeers = downPeers.map(\.wire)
      $0.approximateSize = approximateSize
      $0.approximateKeys = approximateKeys
      $0.bytesWritten = bytesWritten
      $0.keysWritten = keysWritten
      $0.bytesRead = bytesRead
      $0.keysRead = keysRead
    }
  }

  init(_ wire: Pdpb_RegionHeartbeatRequest) throws(PDError) {
    guard wire.hasRegion, wire.region.id != 0 else {
      throw PDError(refusal: .unknown, "invalid region heartbeat: missing region")
    }
    let id = wire.region.id
    guard wire.hasLeader, wire.leader.id != 0 else {
      throw PDError(refusal: .unknown, "invalid region heartbeat: region \(id) has no leader")
    }
    guard wire.region.hasRegionEpoch else {
      throw PDError(refusal: .unknown, "invalid region heartbeat: region \(id) has no epoch")
    }
    // Of pending and down peers PD reads the ids only: an unknown role is no reason to refuse the report.
    self.init(
      region: try PDMethods.plain(wire.region), leader: try PDMethods.plain(wire.leader),
      term: wire.term,
      pendingPeers: wire.pendingPeers.map { PeerInfo(id: $0.id, storeID: $0.storeID) },
      downPeers: wire.downPeers.map {
        DownPeer(
          peer: PeerInfo(id: $0.peer.id, storeID: $0.peer.storeID), seconds: $0.downSeconds)
      },
      approximateSize: wire.approximateSize, approximateKeys: wire.approximateKeys,
      bytesWritten: wire.bytesWritten, keysWritten: wire.keysWritten, bytesRead: wire.bytesRead,
      keysRead: wire.keysRead)
  }
}

extension DownPeer {
  var wire: Pdpb_PeerStats {
    var wire = Pdpb_PeerStats()
    wire.peer = peer.wire
    wire.downSeconds = seconds
    return wire
  }
}

extension RegionOperator {
  func wire(_ clusterID: UInt64) -> Pdpb_RegionHeartbeatResponse {
    var response = Pdpb_RegionHeartbeatResponse()
    response.header.clusterID = clusterID
    response.regionID = regionID
    response.regionEpoch = epoch.wire
    response.targetPeer = leader.wire
    switch step {
    case .changePeer(let change):
      response.changePeer = change.wire
    case .changePeerV2(let changes):
      response.changePeerV2.changes = changes.map(\.wire)
    case .transferLeader(let peer, let candidates):
      response.transferLeader.peer = peer.wire
      response.transferLeader.peers = candidates.map(\.wire)
    case .splitRegion(let keys):
      response.splitRegion.policy = keys.isEmpty ? .scan : .usekey
      response.splitRegion.keys = keys.map(\.data)
    case .merge(let target):
      response.merge.target = target.wire
    }
    return response
  }

  /// Nil when the response asks for nothing, or for nothing that a store of ours does.
  init?(_ response: Pdpb_RegionHeartbeatResponse) throws(CodecError) {
    let step: Step
    if response.hasChangePeer {
      step = .changePeer(try AdminCommand.PeerChange(response.changePeer))
    } else if response.hasChangePeerV2 {
      var changes: [AdminCommand.PeerChange] = []
      for change in response.changePeerV2.changes {
        changes.append(try AdminCommand.PeerChange(change))
      }
      step = .changePeerV2(changes)
    } else if response.hasTransferLeader {
      var candidates: [PeerInfo] = []
      for peer in response.transferLeader.peers { candidates.append(try PeerInfo(peer)) }
      step = .transferLeader(
        to: try PeerInfo(response.transferLeader.peer), candidates: candidates)
    } else if response.hasSplitRegion {
      // The middle is always found by a scan, whichever policy asks for it.
      let isAtKeys = response.splitRegion.policy == .usekey
      let keys = response.splitRegion.keys.map { [UInt8]($0) }
      guard !isAtKeys || !keys.isEmpty else { throw CodecError(.missing, "split keys") }
      step = .splitRegion(keys: isAtKeys ? keys : [])
    } else if response.hasMerge {
      step = .merge(target: try Region(response.merge.target))
    } else {
      return nil
    }
    self.init(
      regionID: response.regionID, epoch: RegionEpoch(response.regionEpoch),
      leader: try PeerInfo(response.targetPeer), step: step)
  }
}

extension StoreHeartbeat {
  init(_ wire: Pdpb_StoreStats) throws(PDError) {
    let received: [UInt8]
    do {
      received = try wire.serializedBytes()
    } catch {
      throw PDError(.internal, "cannot encode the report of store \(wire.storeID): \(error)")
    }
    self.init(
      storeID: wire.storeID, capacity: wire.capacity, available: wire.available,
      usedSize: wire.usedSize, regionCount: UInt64(wire.regionCount),
      sendingSnapshots: UInt64(wire.sendingSnapCount),
      receivingSnapshots: UInt64(wire.receivingSnapCount),
      applyingSnapshots: UInt64(wire.applyingSnapCount), startTime: UInt64(wire.startTime),
      isBusy: wire.isBusy, bytesRead: wire.bytesRead, keysRead: wire.keysRead,
      damagedRegions: wire.damagedRegionsID, received: received)
  }

  /// The report as it was received, or made of the plain values.
  func wire() throws(PDError) -> Pdpb_StoreStats {
    guard received.isEmpty else {
      do {
        return try Pdpb_StoreStats(serializedBytes: received)
      } catch {
        throw PDError(.internal, "cannot decode the report of store \(storeID): \(error)")
      }
    }
    return .with {
      $0.storeID = storeID
      $0.capacity = capacity
      $0.available = available
      $0.usedSize = usedSize
      $0.regionCount = UInt32(clamping: regionCount)
      $0.sendingSnapCount = UInt32(clamping: sendingSnapshots)
      $0.receivingSnapCount = UInt32(clamping: receivingSnapshots)
      $0.applyingSnapCount = UInt32(clamping: applyingSnapshots)
      $0.startTime = UInt32(clamping: startTime)
      $0.isBusy = isBusy
      $0.bytesRead = bytesRead
      $0.keysRead = keysRead
      $0.damagedRegionsID = damagedRegions
    }
  }
}
