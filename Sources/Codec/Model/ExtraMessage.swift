/// Messages between stores beside the raft protocol: `raft_serverpb.ExtraMessage`.
package struct ExtraMessage: Sendable, Hashable {
  /// Numbers are `raft_serverpb.ExtraMessageType`'s.
  package enum Kind: Int, Sendable, Hashable, CaseIterable {
    case regionWakeUp = 0
    case wantRollbackMerge = 1
    case checkStalePeer = 2
    case checkStalePeerResponse = 3
    case hibernateRequest = 4
    case hibernateResponse = 5
    case rejectRaftLogCausedByMemoryUsage = 6
    case availabilityRequest = 7
    case availabilityResponse = 8
    case voterReplicatedIndexRequest = 9
    case voterReplicatedIndexResponse = 10
    case gcPeerRequest = 11
    case gcPeerResponse = 12
    case flushMemtable = 13
    case refreshBuckets = 14
    case snapGenPrecheckRequest = 15
    case snapGenPrecheckResponse = 16
    case preLoadRegionRequest = 17
    case preLoadRegionResponse = 18
    /// Ours: the sender's hash of the region's data at `index`.
    case consistencyHash = 1010
    /// Ours: the sender is fenced because its log or data is damaged.
    case peerDamaged = 1011
  }

  /// Which peer of which region a garbage-collection request is about.
  package struct CheckGCPeer: Sendable, Hashable {
    package var fromRegionID: UInt64
    package var checkRegionID: UInt64
    package var checkRegionEpoch: RegionEpoch
    package var checkPeer: PeerInfo

    package init(
      fromRegionID: UInt64 = 0, checkRegionID: UInt64 = 0,
      checkRegionEpoch: RegionEpoch = RegionEpoch(), checkPeer: PeerInfo = PeerInfo()
    ) {
      self.fromRegionID = fromRegionID
      self.checkRegionID = checkRegionID
      self.checkRegionEpoch = checkRegionEpoch
      self.checkPeer = checkPeer
    }
  }

  package var kind: Kind
  /// Of a `wantRollbackMerge`: the index of the `prepareMerge`.
  package var index: UInt64
  /// The members as the responding peer knows them, in a `checkStalePeerResponse`.
  package var checkPeers: [PeerInfo]
  package var waitData: Bool
  package var forcelyAwaken: Bool
  package var checkGCPeer: CheckGCPeer?
  package var snapGenPrecheckPassed: Bool
  /// In a `wantRollbackMerge`: what the sender has seen proves that the merge cannot be committed any more. Not in
  /// TiKV's messages.
  package var isCertain: Bool
  /// The hash of a `consistencyHash`.
  package var hash: [UInt8]

  package init(
    kind: Kind, index: UInt64 = 0, checkPeers: [PeerInfo] = [], waitData: Bool = false,
    forcelyAwaken: Bool = false, checkGCPeer: CheckGCPeer? = nil,
    snapGenPrecheckPassed: Bool = false, isCertain: Bool = false, hash: [UInt8] = []
  ) {
    self.kind = kind
    self.index = index
    self.checkPeers = checkPeers
    self.waitData = waitData
    self.forcelyAwaken = forcelyAwaken
    self.checkGCPeer = checkGCPeer
    self.snapGenPrecheckPassed = snapGenPrecheckPassed
    self.isCertain = isCertain
    self.hash = hash
  }
}
