import Codec
import PlacementDriver
import Protobuf
import SwiftProtobuf
import Wire

// The messages by which regions are recovered that have lost their quorums.

extension RecoveryPlan {
  var wire: Pdpb_RecoveryPlan {
    .with {
      $0.step = step
      $0.creates = creates.map(\.wire)
      $0.tombstones = tombstones
      $0.demotes = demotes.map { demotion in
        .with {
          $0.regionID = demotion.regionID
          $0.failedVoters = demotion.failedVoters.map(\.wire)
        }
      }
    }
  }

  init(_ wire: Pdpb_RecoveryPlan) throws(CodecError) {
    self.init(step: wire.step, tombstones: wire.tombstones)
    for region in wire.creates { creates.append(try Region(region)) }
    for demotion in wire.demotes {
      var failed: [PeerInfo] = []
      for peer in demotion.failedVoters { failed.append(try PeerInfo(peer)) }
      demotes.append(Demotion(regionID: demotion.regionID, failedVoters: failed))
    }
  }
}

extension StoreReport {
  var wire: Pdpb_StoreReport {
    .with {
      $0.step = step
      $0.peerReports = peers.map(\.wire)
    }
  }

  init(_ wire: Pdpb_StoreReport) throws(PDError) {
    self.init(step: wire.step, peers: [])
    for report in wire.peerReports { peers.append(try PeerReport(report)) }
  }
}

extension PeerReport {
  /// The message has no fields for the term of the last entry and for the peer: the hard state has them, as term and
  /// vote.
  var wire: Pdpb_PeerReport {
    .with {
      $0.raftState.hardState.term = lastTerm
      $0.raftState.hardState.vote = peer.id
      $0.raftState.lastIndex = lastIndex
      $0.regionState.region = region.wire
      $0.regionState.state = RaftServerpb_PeerState(rawValue: state.rawValue) ?? .normal
      $0.appliedIndex = appliedIndex
    }
  }

  init(_ wire: Pdpb_PeerReport) throws(PDError) {
    let region = try PDMethods.plain(wire.regionState.region)
    guard let peer = region.peer(id: wire.raftState.hardState.vote),
      let state = PeerState(rawValue: wire.regionState.state.rawValue)
    else {
      throw PDError(refusal: .invalidValue, "invalid report of a peer of region \(region.id)")
    }
    self.init(
      region: region, peer: peer, state: state, lastTerm: wire.raftState.hardState.term,
      lastIndex: wire.raftState.lastIndex, appliedIndex: wire.appliedIndex)
  }
}
