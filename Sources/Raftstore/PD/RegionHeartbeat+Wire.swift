package import Codec
package import Wire

extension RegionHeartbeat {
  /// The report as `pdpb` has it.
  package func wire(_ clusterID: UInt64) -> Pdpb_RegionHeartbeatRequest {
    .with {
      $0.header.clusterID = clusterID
      $0.region = region.wire
      $0.leader = leader.wire
      $0.term = term
      $0.pendingPeers = pendingPeers.map(\.wire)
      $0.downPeers = downPeers.map { down in
        .with {
          $0.peer = down.peer.wire
          $0.downSeconds = down.seconds
        }
      }
      $0.approximateSize = approximateSize
      $0.approximateKeys = approximateKeys
      $0.bytesWritten = bytesWritten
      $0.keysWritten = keysWritten
    }
  }
}

extension RegionOperator {
  /// Nil when the response asks for nothing, or for nothing that a store of ours does.
  package init?(_ response: Pdpb_RegionHeartbeatResponse) throws(CodecError) {
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
    } else {
      return nil
    }
    self.init(
      regionID: response.regionID, epoch: RegionEpoch(response.regionEpoch),
      leader: try PeerInfo(response.targetPeer), step: step)
  }
}
