/// An operator step of the placement driver for a region of a given epoch.
package struct RegionOperator: Sendable, Hashable {
  /// One step of an operator, carried out by the region's leader.
  package enum Step: Sendable, Hashable {
    case changePeer(AdminCommand.PeerChange)
    /// No changes leaves the joint configuration.
    case changePeerV2([AdminCommand.PeerChange])
    /// The leader transfers to the first of `to` and `candidates` that can take over.
    case transferLeader(to: PeerInfo, candidates: [PeerInfo])
    /// The region is split at these keys, in the form in which regions have them; without a key, in the middle of
    /// its data.
    case splitRegion(keys: [[UInt8]])
    /// The region is merged into `target`, its neighbor, as PD knows it.
    case merge(target: Region)
  }

  package var regionID: UInt64
  /// The region's epoch that the step was decided for; a region of another epoch ignores it.
  package var epoch: RegionEpoch
  /// The leader that carries the step out, on whose store's stream it is sent; another peer ignores it.
  package var leader: PeerInfo
  package var step: Step

  package init(regionID: UInt64, epoch: RegionEpoch, leader: PeerInfo, step: Step) {
    self.regionID = regionID
    self.epoch = epoch
    self.leader = leader
    self.step = step
  }
}

/// The ids of a region that a split is about to make. PD allocates each of them once.
package struct SplitIDs: Sendable, Hashable {
  package var regionID: UInt64
  /// One for each peer of the region that is split, in their order.
  package var peerIDs: [UInt64]

  package init(regionID: UInt64, peerIDs: [UInt64]) {
    self.regionID = regionID
    self.peerIDs = peerIDs
  }
}
