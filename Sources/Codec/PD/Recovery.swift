/// What a store reports of one of its peers while regions are recovered that have lost their quorums:
/// `pdpb.PeerReport`.
package struct PeerReport: Sendable, Hashable {
  package var region: Region
  package var peer: PeerInfo
  package var state: PeerState
  /// Of the last entry of its log.
  package var lastTerm: UInt64
  package var lastIndex: UInt64
  package var appliedIndex: UInt64

  package init(
    region: Region, peer: PeerInfo, state: PeerState, lastTerm: UInt64, lastIndex: UInt64,
    appliedIndex: UInt64
  ) {
    self.region = region
    self.peer = peer
    self.state = state
    self.lastTerm = lastTerm
    self.lastIndex = lastIndex
    self.appliedIndex = appliedIndex
  }
}

/// All peers of a store: `pdpb.StoreReport`.
package struct StoreReport: Sendable, Hashable {
  /// The step of the plan that asked for it.
  package var step: UInt64
  package var peers: [PeerReport]

  package init(step: UInt64, peers: [PeerReport]) {
    self.step = step
    self.peers = peers
  }
}

/// What a store is to do for the recovery of regions that have lost their quorums: `pdpb.RecoveryPlan`. It may be
/// received more than once. An empty one asks for a report.
package struct RecoveryPlan: Sendable, Hashable {
  /// A region that goes on with the peer of this store as its only member.
  package struct Demotion: Sendable, Hashable {
    package var regionID: UInt64
    /// The peers that are removed from the region: all others.
    package var failedVoters: [PeerInfo]

    package init(regionID: UInt64, failedVoters: [PeerInfo]) {
      self.regionID = regionID
      self.failedVoters = failedVoters
    }
  }

  /// Ascends with every change of the plan; 1 or more.
  package var step: UInt64
  /// Empty regions of one peer, for ranges that no peer is left of.
  package var creates: [Region]
  /// Regions whose peer on this store is destroyed.
  package var tombstones: [UInt64]
  package var demotes: [Demotion]

  package init(
    step: UInt64, creates: [Region] = [], tombstones: [UInt64] = [], demotes: [Demotion] = []
  ) {
    self.step = step
    self.creates = creates
    self.tombstones = tombstones
    self.demotes = demotes
  }

  package var isEmpty: Bool { creates.isEmpty && tombstones.isEmpty && demotes.isEmpty }
}
