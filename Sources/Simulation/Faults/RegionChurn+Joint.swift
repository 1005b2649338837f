import Codec
import Raftstore
import SimulationKit

// Changes of several voters at once, of the leader's own role among them.
extension RegionChurn {
  /// A region in a joint configuration leaves it, unless that is left to the placement driver. In others one voter is
  /// demoted and, where there is a learner or an empty store, another peer becomes a voter in the same change.
  func changeJointly(
    _ fault: PlannedFault, _ status: RegionStatus, _ store: SimulatedStore
  ) {
    let region = status.region
    if region.isJoint {
      if fault.randomValues[1] & 1 == 0 { order(fault, .changePeerV2([]), status, store) }
      return
    }
    let voters = region.peers.filter { $0.role == .voter }
    // As with removals: two voters always remain, and none goes while a lost replica is being repaired.
    guard voters.count > 2, !losses.isRepairing else { return }
    losses.lastRemoval = context.scheduler.now
    let out = demotion(of: voters[Int(fault.randomValues[2] % UInt64(voters.count))])
    let learners = region.peers.filter(\.isLearner)
    if let learner = learners.first {
      return order(fault, .changePeerV2([out, promotion(of: learner)]), status, store)
    }
    let empty = context.cluster.stores.compactMap { $0.store?.storeID }
      .filter { region.peer(onStore: $0) == nil }
    guard !empty.isEmpty else {
      // A single change is a simple one; the leader is not demoted by it.
      return order(fault, .changePeerV2([out]), status, store)
    }
    let target = empty[Int(fault.randomValues[3] % UInt64(empty.count))]
    allocateIDs(1) { [weak self] ids in
      guard let self else { return }
      let peer = PeerInfo(id: ids[0], storeID: target)
      order(fault, .changePeerV2([promotion(of: peer), out]), status, store)
    }
  }

  private func promotion(of peer: PeerInfo) -> AdminCommand.PeerChange {
    AdminCommand.PeerChange(
      type: .addNode, peer: PeerInfo(id: peer.id, storeID: peer.storeID, role: .voter))
  }

  private func demotion(of peer: PeerInfo) -> AdminCommand.PeerChange {
    AdminCommand.PeerChange(
      type: .addLearnerNode, peer: PeerInfo(id: peer.id, storeID: peer.storeID, role: .learner))
  }
}
