import Codec
import Engine
import Raft
import RaftLog

// A region that has lost its quorum for good goes on with this peer alone (`RecoveryPlan.Demotion`): the peer stops, its
// region is recorded with itself as the only member, and a peer that begins from that takes its place. It keeps log and
// data; as the only voter it commits all that its log has. What other members had and this one lacks is lost.
//
// Entries that change the membership or split the region, and were not applied before, change nothing: the new
// membership's version is not the one that they were made for.
extension Peer {
  /// - Parameter others: the members to be removed; all but this one.
  func continueAlone(without others: [PeerInfo]) {
    guard lifecycle == .active, isInitialized, incomingSnapshot == nil else { return }
    let removed = Set(others.map(\.id))
    guard !removed.contains(info.id),
      region.peers.allSatisfy({ $0.id == info.id || removed.contains($0.id) })
    else { return }
    guard region.peers.count > 1 || info.role != .voter else { return }
    context.logger.critical(
      "region \(regionID): peer \(info.id) goes on alone, without \(others): what only they had is lost"
    )
    dropLease()
    if wasLeader {
      wasLeader = false
      context.metrics.peers.leaders.add(-1)
    }
    failPending(.regionNotFound(regionID: regionID))
    endConsistencyCheck()
    localSteps = []
    ending = .alone
    stopApplying()
  }

  /// Records the new membership. The apply worker has let go: what the engine has is the last that was applied.
  func writeAlone(_ task: inout LogWriteTask) {
    do throws(StoreError) {
      guard let state = try context.engine.regionState(regionID),
        state.state == .normal || state.state == .merging,
        var member = state.region.peer(id: info.id),
        let applied = try context.engine.applyState(regionID)
      else {
        throw .corrupted(record: "state of region \(regionID)", reason: "it is missing")
      }
      member.role = .voter
      var region = state.region
      region.epoch.confVersion += UInt64(region.peers.count)
      region.peers = [member]
      info = member
      storage.region = region
      storage.applyState = applied
      var data = WriteBatch()
      data.put(
        .raft, KeyLayout.regionState(regionID: regionID),
        RegionLocalState(state: state.state, region: region, merge: state.merge).encoded())
      // A merge that was prepared goes on, or is rolled back by the only member that is left.
      if let merge = state.merge { merging.prepare(merge) } else { merging.end() }
      task.data = data
    } catch {
      lifecycle = .broken
      context.onFatal("region \(regionID): peer \(info.id) cannot go on alone: \(error)")
    }
  }

  /// What goes on in place of a peer that has become the only member.
  var aloneSuccessor: LoadedPeer {
    LoadedPeer(
      region: region, info: info, applyState: storage.applyState, unfinishedSnapshot: nil,
      merge: merging.prepared)
  }
}
