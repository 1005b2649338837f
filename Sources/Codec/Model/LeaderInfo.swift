/// A state of a region's data up to which stale reads are consistent: a replica that has applied `appliedIndex` has
/// every write that was committed before the placement driver issued `safeTS`, and every transaction that commits at or
/// before it.
package struct SafeReadState: Sendable, Hashable {
  package var appliedIndex: UInt64
  /// 0: none is known.
  package var safeTS: UInt64

  package init(appliedIndex: UInt64 = 0, safeTS: UInt64 = 0) {
    self.appliedIndex = appliedIndex
    self.safeTS = safeTS
  }
}

/// A leader's question whether another store knows of no later leader: `kvrpcpb.LeaderInfo`.
package struct LeaderInfo: Sendable, Hashable {
  package var regionID: UInt64
  /// The leader's peer.
  package var peerID: UInt64
  package var term: UInt64
  package var epoch: RegionEpoch
  /// What an earlier round has confirmed, for the replica on the other store.
  package var readState: SafeReadState

  package init(
    regionID: UInt64, peerID: UInt64 = 0, term: UInt64 = 0, epoch: RegionEpoch = RegionEpoch(),
    readState: SafeReadState = SafeReadState()
  ) {
    self.regionID = regionID
    self.peerID = peerID
    self.term = term
    self.epoch = epoch
    self.readState = readState
  }
}

/// The questions of one store to another: `kvrpcpb.CheckLeaderRequest`.
package struct LeaderCheck: Sendable, Hashable {
  package var leaders: [LeaderInfo]

  package init(leaders: [LeaderInfo] = []) { self.leaders = leaders }
}

/// The regions whose leaders the other store agrees with: `kvrpcpb.CheckLeaderResponse`.
package struct LeaderCheckResponse: Sendable, Hashable {
  package var regionIDs: [UInt64]

  package init(regionIDs: [UInt64] = []) { self.regionIDs = regionIDs }
}
